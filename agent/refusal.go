package agent

import "fmt"

// refusal is an error whose text is the whole sentence for the person who
// asked, and whose kind is one of the sentinels.
type refusal struct {
	kind error
	text string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}
