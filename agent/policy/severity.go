package policy

// Severity is the priority of a record, numbered as in syslog(3) and the journal:
// lower is worse.
type Severity int

// The severities of syslog(3).
const (
	Emerg Severity = iota
	Alert
	Crit
	Err
	Warning
	Notice
	Info
	Debug
)

var severityNames = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// String gives syslog's name: emerg, alert, crit, err, warning, notice, info or debug.
func (s Severity) String() string {
	if s < Emerg || s > Debug {
		return "unknown"
	}
	return severityNames[s]
}

// ParseSeverity reads syslog's names, and error and warn beside err and warning;
// ok is false for any other word.
func ParseSeverity(word string) (s Severity, ok bool) {
	switch word {
	case "error":
		return Err, true
	case "warn":
		return Warning, true
	}
	for i, name := range severityNames {
		if word == name {
			return Severity(i), true
		}
	}
	return 0, false
}

// severityReason says what ParseSeverity accepts.
func severityReason() string {
	return "must be one of " + Or(severityNames[:])
}
