package policy

import (
	"fmt"
	"strconv"
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
		return 0, fmt.Sprintf("must be a duration with its unit (ns, us, ms, s, m, h), such as %q%s%s", example(min, max), orNever, inHours(text))
	}
	if d < min || d > max {
		return 0, fmt.Sprintf("must be between %s and %s%s", FormatDuration(min), FormatDuration(max), orNever)
	}
	return d, ""
}

// example is a duration between two bounds, as a policy spells it.
func example(min, max time.Duration) string {
	for _, d := range []time.Duration{20 * time.Millisecond, 10 * time.Second} {
		if d >= min && d <= max {
			return FormatDuration(d)
		}
	}
	return FormatDuration(min)
}

// inHours ends a sentence about days, which Go's durations do not have.
func inHours(text string) string {
	digits, isDays := strings.CutSuffix(text, "d")
	days, err := strconv.ParseUint(digits, 10, 8)
	if !isDays || err != nil {
		return ""
	}
	return fmt.Sprintf("; days are no unit: did you mean %q?", FormatDuration(time.Duration(days)*24*time.Hour))
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
