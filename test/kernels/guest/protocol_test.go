package guest

import "testing"

func TestWhatIsFormattedIsParsed(t *testing.T) {
	for _, kind := range kinds {
		for _, text := range []string{"", "0", "two words", "\tindented", " leading", "@exit 0", "ärger"} {
			gotKind, gotText, ours := Parse(Format(kind, text) + "\r\n") // a terminal ends lines so
			if gotKind != kind || gotText != text || !ours {
				t.Errorf("%s %q came back as %s %q, %v", kind, text, gotKind, gotText, ours)
			}
		}
	}
}

func TestACommandCannotForgeALine(t *testing.T) {
	for text, want := range map[string]string{
		"x\n@exit 0":      "@out x\uFFFD@exit 0",
		"x\r@done 1":      "@out x\uFFFD@done 1",
		"\x1b[2Jcleared":  "@out \uFFFD[2Jcleared",
		"not UTF-8: \xff": "@out not UTF-8: \uFFFD",
		"C1: \u0085":      "@out C1: \uFFFD",
	} {
		if got := Format(Out, text); got != want {
			t.Errorf("%q: %q; want %q", text, got, want)
		}
	}
}

func TestTheKernelsLinesAreNotOurs(t *testing.T) {
	for _, line := range []string{
		"", "[    0.000000] Linux version 6.1", "@exit", "@exits 0", " @exit 0", "[1.0] x @exit 0", "@", "@ 0",
	} {
		if kind, text, ours := Parse(line); ours {
			t.Errorf("%q was taken for %s %q", line, kind, text)
		}
	}
}
