package system

import (
	"os"
	"strconv"
	"testing"
)

// repeatVariable says how often the tests do what has to work many times; the default
// keeps the test run short.
const (
	repeatVariable = "SYSCOUNT_REPEAT"
	repeatDefault  = 2
)

func repeats(t *testing.T) int {
	t.Helper()
	text := os.Getenv(repeatVariable)
	if text == "" {
		return repeatDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: give a number from 1", repeatVariable, text)
	}
	return n
}
