package agent

//go:generate go run ./gen
