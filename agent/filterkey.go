package agent

import (
	"errors"

	"github.com/syscountd/syscountd/agent/policy"
)

// filterError is a refusal of one key of a filter.
type filterError struct {
	key string
	error
}

func (e *filterError) Unwrap() error { return e.error }

// ofKey says which key of the filter an error is about; nil stays nil.
func ofKey(key string, err error) error {
	if err == nil {
		return nil
	}
	return &filterError{key, err}
}

// resolvePolicy is resolve for the filter of a policy: what the host does not have is an error of
// the policy, at the place of the key.
func (a *Agent) resolvePolicy(p *policy.Policy, f Filter) (*targets, error) {
	t, err := a.resolve(f)
	var of *filterError
	if errors.As(err, &of) {
		return nil, p.ErrorAt("filter."+of.key, of.Error())
	}
	return t, err
}
