package record

// Log is a log message of the service itself.
type Log struct {
	Header
	Severity   int               `json:"-"` // syslog priority 0..7
	Text       string            `json:"-"` // the message
	Attributes map[string]string `json:"attributes,omitempty"`
}

// Event is EventLog.
func (*Log) Event() string { return EventLog }

// Priority is the severity of the message.
func (l *Log) Priority() int { return l.Severity }

// Sentence is the message itself.
func (l *Log) Sentence() string { return l.Text }
