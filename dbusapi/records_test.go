package dbusapi

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent"
)

func TestRecordsComeAsTheyWereWritten(t *testing.T) {
	r := newRig(t)
	c := r.client(t)
	if slow, err := c.SlowCalls(t.Context(), 0); err != nil || len(slow) != 0 {
		t.Errorf("slow calls of a fresh service: %q, %v", slow, err)
	}
	if stuck, err := c.StuckCalls(t.Context()); err != nil || len(stuck) != 0 {
		t.Errorf("stuck calls of a fresh service: %q, %v", stuck, err)
	}
	// Quotes, backslashes, and what IsPrint refuses and a record holds all the same.
	lines := []string{`{"msg":"a \"b\" \\x1b"}`, "{\"msg\":\"caf\u00e9\u00a0\u2026 \U000f0000\"}", `{}`}
	r.agent.SetSlow(lines...)
	r.agent.SetStuck(lines[1], lines[0])
	for newest, want := range map[uint32][]string{0: lines, 2: lines[:2], math.MaxUint32: lines} {
		if got, err := c.SlowCalls(t.Context(), newest); err != nil || !slices.Equal(got, want) {
			t.Errorf("newest %d: %q, %v", newest, got, err)
		}
		if got := r.agent.Newest(); got != int(newest) {
			t.Errorf("newest %d asked for %d", newest, got)
		}
	}
	if got, err := c.StuckCalls(t.Context()); err != nil || !slices.Equal(got, []string{lines[1], lines[0]}) {
		t.Errorf("stuck: %q, %v", got, err)
	}
	r.agent.Refuse(refuse(agent.ErrKernel, "no ring"))
	if got, err := c.SlowCalls(t.Context(), 0); !errors.Is(err, agent.ErrKernel) || got != nil {
		t.Errorf("refused: %q, %v", got, err)
	}
	if got, err := c.StuckCalls(t.Context()); !errors.Is(err, agent.ErrKernel) || got != nil {
		t.Errorf("refused: %q, %v", got, err)
	}
}

// The most that there can be: 1000 lines of the longest kind pass the bus.
func TestTheLongestAnswerPassesTheBus(t *testing.T) {
	r := newRig(t)
	lines := make([]string, 1000)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"seq":%d,"msg":%q}`, i, strings.Repeat("x", 3500))
	}
	r.agent.SetStuck(lines...)
	if got, err := r.client(t).StuckCalls(t.Context()); err != nil || !slices.Equal(got, lines) {
		t.Errorf("%d lines, %v", len(got), err)
	}
}
