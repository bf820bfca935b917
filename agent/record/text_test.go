package record

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "postgres: 15/main", "postgres: 15/main"},
		{"other scripts stay", "größe 文件 🐘", "größe 文件 🐘"},
		{"newline", "a\nb", `a\x0ab`},
		{"nul", "a\x00b", `a\x00b`},
		{"ansi", "\x1b[2J", `\x1b[2J`},
		{"del", "\x7f", `\x7f`},
		{"c1", "\u009b31m", `\u009b31m`},
		{"invalid", "a\xffb\xc3", `a\xffb\xc3`},
		{"overlong", "\xc0\xaf", `\xc0\xaf`},
		{"surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"line separator", "a\u2028b\u2029", `a\u2028b\u2029`},
		{"bidi override", "\u202egnp.exe", `\u202egnp.exe`},
		{"bidi isolates and marks", "\u2066\u2069\u200e\u200f\u061c", `\u2066\u2069\u200e\u200f\u061c`},
		{"byte order mark", "\ufeff", `\ufeff`},
		{"tag", "\U000e0041", `\U000e0041`},
		{"replacement character itself", "\ufffd", "\ufffd"},
		{"unit names keep their backslash", `dev-disk-by\x2duuid.device`, `dev-disk-by\x2duuid.device`},
		{"quotes are for JSON", `"a" <b>`, `"a" <b>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Clean(tt.in); got != tt.want {
				t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if got := Clean(tt.want); got != tt.want {
				t.Errorf("cleaned twice: %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCutText(t *testing.T) {
	tests := []struct {
		in   string
		size int
		want string
	}{
		{"short", 5, "short"},
		{"longer", 5, "lo…"},
		{"longer", 3, "…"},
		{"longer", 0, "…"},
		{"äöü", 5, "ä…"},
		{"äöü", 4, "…"},
		{`ab\x1bcdef`, 8, "ab…"},      // not ab\x1…
		{`ab\x1bcdef`, 9, `ab\x1b…`},  // the escape is whole
		{`ab\u202ecdef`, 10, "ab…"},   // not ab\u202…
		{`ab\U000e0041cd`, 13, "ab…"}, // not ab\U000e00…
		{`ab\qcdefgh`, 8, `ab\qc…`},   // no escape of ours
		{`C:\Windows\x`, 12, `C:\Windows\x`},
	}
	for _, tt := range tests {
		if got := cutText(tt.in, tt.size); got != tt.want {
			t.Errorf("cutText(%q, %d) = %q, want %q", tt.in, tt.size, got, tt.want)
		}
	}
}

func TestCutStart(t *testing.T) {
	tests := []struct {
		in   string
		size int
		want string
	}{
		{"short", 5, "short"},
		{"/a/longer", 7, "…nger"},
		{"longer", 3, "…"},
		{"longer", 0, "…"},
		{"äöü", 5, "…ü"},
		{"äöü", 4, "…"},
		{`abcdef\x1bgh`, 8, "…gh"},         // not x1bgh
		{`abcdef\x1bgh`, 9, `…\x1bgh`},     // the escape is whole
		{`ab\u202ecdef`, 10, "…cdef"},      // not 02ecdef
		{`ab\U000e0041cd`, 13, "…cd"},      // not U000e0041cd
		{`abcdefgh\qcd`, 6, `…qcd`},        // no escape of ours
		{"…already cut", 8, "…y cut"},      // one mark is enough
		{"abc\xc3\xa4", 4, "…"},            // no half of a character
		{`ends in a backslash \`, 4, `…\`}, // nothing follows it
	}
	for _, tt := range tests {
		if got := cutStart(tt.in, tt.size); got != tt.want {
			t.Errorf("cutStart(%q, %d) = %q, want %q", tt.in, tt.size, got, tt.want)
		}
	}
}

func TestClipStart(t *testing.T) {
	tests := map[string]string{
		"/short": "/short",
		"a" + strings.Repeat("x", MaxLine-1) + "y": mark + strings.Repeat("x", MaxLine-1) + "y",
		"ä" + strings.Repeat("x", MaxLine-1):       mark + strings.Repeat("x", MaxLine-1), // no half of a character
		"\n" + strings.Repeat("x", MaxLine-1):      `\x0a` + strings.Repeat("x", MaxLine-1),
	}
	for in, want := range tests {
		if got := clipStart(in); got != want {
			t.Errorf("%.5q... of %d bytes: got %.9q... of %d, want %.9q... of %d", in, len(in), got, len(got), want, len(want))
		}
	}
	if got := clipStart(strings.Repeat("\xbf", 2*MaxLine)); !isClean(got) || !strings.HasPrefix(got, mark+`\xbf`) {
		t.Errorf("invalid bytes: %.20q...", got)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\nb\x1b[0m\xff\u202e", 3)
	f.Add(`\x1b\u0000\U00000000`, 5)
	f.Fuzz(func(t *testing.T, s string, size int) {
		c := Clean(s)
		if !utf8.ValidString(c) || !isClean(c) || Clean(c) != c {
			t.Fatalf("Clean(%q) = %q is not clean", s, c)
		}
		if size < len(mark) {
			return
		}
		cut := cutText(c, size)
		if len(cut) > size || !isClean(cut) {
			t.Fatalf("cutText(%q, %d) = %q", c, size, cut)
		}
		if cut != c && (!strings.HasSuffix(cut, mark) || !strings.HasPrefix(c, strings.TrimSuffix(cut, mark))) {
			t.Fatalf("cutText(%q, %d) = %q", c, size, cut)
		}
		cut = cutStart(c, size)
		if len(cut) > size || !isClean(cut) {
			t.Fatalf("cutStart(%q, %d) = %q", c, size, cut)
		}
		if cut != c && (!strings.HasPrefix(cut, mark) || !strings.HasSuffix(c, strings.TrimPrefix(cut, mark))) {
			t.Fatalf("cutStart(%q, %d) = %q", c, size, cut)
		}
	})
}
