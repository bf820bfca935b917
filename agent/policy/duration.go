package policy

import (
	"fmt"
	"strings"
	"time"
)

// neverWord is how TOML and people spell Never.
const neverWord = "never"

// ParseThreshold reads a threshold as a policy spells it: a duration such as "20ms"
// from 1us to 24h, or "never". The error is a sentence that repeats the text.
func ParseThreshold(text string) (time.Duration, error) {
	d, reason := parseDuration(text, MinThreshold, MaxThreshold, true)
	if reason != "" {
		return 0, fmt.Errorf("threshold %s: %s", shown(text), reason)
	}
	return d, nil
}

// parseDuration reads a duration between two bounds; reason says why it is not one.
func parseDuration(text string, min, max time.Duration, never bool) (d time.Duration, reason string) {
	if never && text == neverWord {
		return Never, ""
	}
	orNever := ""
	if never {
		orNever = `, or "never"`
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, `must be a duration with its unit (ns, us, ms, s, m, h), such as "20ms"` + orNever
	}
	if d < min || d > max {
		return 0, fmt.Sprintf("must be between %s and %s%s", FormatDuration(min), FormatDuration(max), orNever)
	}
	return d, ""
}

// FormatDuration writes a duration in the form that a policy uses: "1m", not
// "1m0s", and "us" in ASCII. It parses back to the same duration; Never is "never".
func FormatDuration(d time.Duration) string {
	if d == Never {
		return neverWord
	}
	text := strings.Replace(d.String(), "µs", "us", 1)
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
