package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestOutputFindsSignsInLines(t *testing.T) {
	o := watch("^ready$", "getppid", "")
	for _, part := range []string{"rea", "dy\nnot ", "ready\n  \n"} {
		fmt.Fprint(o, part)
	}
	if !o.saw(0) || o.saw(1) || o.saw(2) {
		t.Errorf("saw %v %v %v, want the first alone", o.saw(0), o.saw(1), o.saw(2))
	}
	if got := o.lastLine(); got != "not ready" {
		t.Errorf("last line %q", got)
	}
	fmt.Fprint(o, "getppid 17\nready\nends without a newline")
	if !o.saw(1) || o.saw(2) {
		t.Error("the second sign was missed, or the empty one seen")
	}
	if got := o.lastLine(); got != "ends without a newline" {
		t.Errorf("last line %q", got)
	}
}

func TestOutputKeepsLittleOfALongLine(t *testing.T) {
	o := watch("end$")
	for range 100 {
		fmt.Fprint(o, strings.Repeat("x", maxLine/10))
	}
	fmt.Fprint(o, "end\n")
	if len(o.last) != maxLine || o.saw(0) {
		t.Errorf("kept %d bytes, want %d", len(o.last), maxLine)
	}
	fmt.Fprint(o, "the next end\n")
	if !o.saw(0) {
		t.Error("the line after it was lost")
	}
}

func TestOutputHandsOnEveryLine(t *testing.T) {
	o := watch()
	var lines []string
	o.each = func(line []byte) { lines = append(lines, string(line)) }
	fmt.Fprint(o, "one\n\ntw")
	fmt.Fprint(o, "o\nthree")
	if got := strings.Join(lines, "|"); got != "one||two" {
		t.Errorf("lines %q", got)
	}
}

func TestPrintableIsHarmless(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"plain | text", "plain | text"},
		{"  two\n\nlines\t", "two lines"},
		{"\x1b[31mred\x1b[0m\a", "[31mred [0m"},
		{"bad \xff\xfe bytes", "bad ? bytes"},
		{"", ""},
		{strings.Repeat("ä", 300), strings.Repeat("ä", 200) + "..."},
	} {
		got := printable(test.text)
		if got != test.want || !utf8.ValidString(got) {
			t.Errorf("printable(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}
