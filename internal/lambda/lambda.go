// Package lambda compiles and evaluates TICKscript's lambda expressions.
package lambda
