package dbusapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/syscountd/syscountd/agent"
)

// Config is what a Service needs.
type Config struct {
	Agent   Agent
	Version string // the property Version
	Address string // of the bus; SystemAddress() when empty
	// Owner is a user who may do what root may. Its zero value is root; only a
	// test that does not run as root has a reason to set it.
	Owner uint32
	// Features are those of the kernel, by name. They are asked for when somebody wants to
	// know, and once: that takes a tenth of a second. It may be nil.
	Features func() map[string]bool
	// LogLevel is of the service's own log, and LogTarget where that goes: "journal" or
	// "console".
	LogLevel  *LogLevel
	LogTarget string
	// LevelSet is told who has set another level. It may be nil.
	LevelSet func(who agent.Caller, from, to string)
	// NamePatience is how long a name that is taken or refused is tried again at the start.
	NamePatience time.Duration
	// Report is told when the bus is lost or cannot be had, once per reason, and
	// gets nil when the name is owned, the first time and again. It may be nil.
	Report func(error)
}

// Service has the agent on the bus. When the bus goes away it comes back to it.
type Service struct {
	cfg       Config
	features  func() map[string]bool
	ready     chan struct{}
	once      sync.Once
	reported  string // text of the last error reported; used by Run only
	connected bool   // whether the newest session owned the name; used by Run only
}

// New makes a Service that does nothing before Run.
func New(cfg Config) *Service {
	if cfg.Address == "" {
		cfg.Address = SystemAddress()
	}
	if cfg.LogLevel == nil {
		cfg.LogLevel = &LogLevel{}
	}
	if cfg.Features == nil {
		cfg.Features = func() map[string]bool { return map[string]bool{} }
	}
	return &Service{cfg: cfg, features: sync.OnceValue(cfg.Features), ready: make(chan struct{})}
}

// String names the service in a list of tasks.
func (s *Service) String() string { return "D-Bus" }

// Ready is closed when the name is owned for the first time.
func (s *Service) Ready() <-chan struct{} { return s.ready }

// Run serves until ctx ends, and then returns nil. A bus that is not there or
// goes away is tried again and again. Only before the first success, and after
// NamePatience, there are errors, for which IsNameError holds.
func (s *Service) Run(ctx context.Context) error {
	changed := s.cfg.Agent.Changed()
	failures, began := 0, time.Now()
	for {
		s.connected = false
		err := runSession(ctx, s, changed)
		if ctx.Err() != nil {
			return nil
		}
		failures = inARow(failures, s.connected)
		if IsNameError(err) && !s.wasReady() && time.Since(began)+backoff(failures) > s.cfg.NamePatience {
			return err
		}
		s.report(err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(backoff(failures)):
		}
	}
}

// inARow counts one more failed session; one that had the name has not failed.
func inARow(failures int, connected bool) int {
	if connected {
		return 0
	}
	return failures + 1
}

// IsNameError says whether the bus is there and does not give us the name: *NameTakenError, or
// its policy refuses it. Trying again is little use while nobody intervenes.
func IsNameError(err error) bool {
	var (
		taken   *NameTakenError
		refused *nameRefusedError
	)
	return errors.As(err, &taken) || errors.As(err, &refused)
}

// backoff is the pause after so many failures in a row: 250 ms, doubled up to 5 s.
func backoff(failures int) time.Duration {
	const first, most = 250 * time.Millisecond, 5 * time.Second
	if failures > 5 { // 250 ms << 5 is above most
		return most
	}
	return first << max(failures-1, 0)
}

// owned is called by a session that has the name.
func (s *Service) owned() {
	s.connected = true
	s.once.Do(func() { close(s.ready) })
	s.report(nil)
}

func (s *Service) wasReady() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// report passes err on unless it is the same as before.
func (s *Service) report(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if s.cfg.Report != nil && (err == nil || text != s.reported) {
		s.cfg.Report(err)
	}
	s.reported = text
}
