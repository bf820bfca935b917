package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// anyWord is how TOML spells that a rule does not ask.
const anyWord = "any"

// Least is how much of a call's time a rule asks to have gone one way: a part of
// its duration, or a time. The zero Least asks for nothing.
type Least struct {
	Percent int // of the duration, 1 to 100; 0: Time counts
	Time    time.Duration
}

// String spells it as TOML does: "50%", "20ms" or "any".
func (l Least) String() string {
	switch {
	case l == Least{}:
		return anyWord
	case l.Percent > 0:
		return strconv.Itoa(l.Percent) + "%"
	}
	return FormatDuration(l.Time)
}

// met says whether so much of a duration is enough. In floating point: a hundred times a
// long duration does not fit an int64.
func (l Least) met(part, whole time.Duration) bool {
	if l.Percent > 0 {
		return float64(part)*100 >= float64(whole)*float64(l.Percent)
	}
	return part >= l.Time
}

// parseLeast reads "50%", "20ms" or "any"; reason says why it is none of them.
func parseLeast(text string) (l Least, reason string) {
	if text == anyWord {
		return Least{}, ""
	}
	if digits, isPercent := strings.CutSuffix(text, "%"); isPercent {
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > 100 {
			return Least{}, `must be a whole percentage of the duration from "1%" to "100%"`
		}
		return Least{Percent: n}, ""
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return Least{}, `must be a part of the duration such as "50%", a time such as "20ms", or "any"`
	}
	if d < MinThreshold || d > MaxThreshold {
		return Least{}, fmt.Sprintf(`must be a time between %s and %s, a percentage, or "any"`, FormatDuration(MinThreshold), FormatDuration(MaxThreshold))
	}
	return Least{Time: d}, ""
}

// least reads a key of this kind.
func (s *section) least(key string, to *Least) {
	text, at, ok := takeAs[string](s, key, `a string such as "50%" or "20ms"`)
	if !ok {
		return
	}
	l, reason := parseLeast(text)
	if reason != "" {
		s.fail(at, key, shown(text), reason)
		return
	}
	*to = l
}
