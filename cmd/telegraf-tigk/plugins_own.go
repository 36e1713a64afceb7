package main

// The alerting engine.
