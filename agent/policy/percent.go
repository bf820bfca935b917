package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// Percent is a share in percent: 2 is 2 %.
type Percent float64

// String spells it as TOML does: "2%" or "0.5%".
func (p Percent) String() string { return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%" }

// percent reads a share between two bounds.
func (s *section) percent(key string, to *Percent, min, max Percent) {
	text, at, ok := takeAs[string](s, key, `a string such as "2%"`)
	if !ok {
		return
	}
	digits, isPercent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(digits, 64)
	if !isPercent || err != nil || !(Percent(n) >= min && Percent(n) <= max) { // NaN is neither
		reason := "must be a percentage between " + min.String() + " and " + max.String()
		if p := Percent(n); !isPercent && err == nil && p >= min && p <= max {
			reason += fmt.Sprintf("; did you mean %q?", p)
		}
		s.fail(at, key, shown(text), reason)
		return
	}
	*to = Percent(n)
}
