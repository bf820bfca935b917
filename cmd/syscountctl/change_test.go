package main

import (
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent"
)

func TestCommandsThatChangeAskTheAgentAndAreSilent(t *testing.T) {
	r := newRig(t, os.Getuid())
	for line, want := range map[string]agent.Command{
		"start":                                  agent.Start{},
		"stop":                                   agent.Stop{},
		"reload":                                 agent.Reload{},
		"flush":                                  agent.Flush{},
		"flush --json":                           agent.Flush{},
		"filter pid 812":                         agent.SetFilter{Filter: agent.Filter{PIDs: []uint32{812}}},
		"filter pid 1 2 4194304":                 agent.SetFilter{Filter: agent.Filter{PIDs: []uint32{1, 2, 4194304}}},
		"filter unit nginx.service":              agent.SetFilter{Filter: agent.Filter{Units: []string{"nginx.service"}}},
		"filter unit a.service b.slice":          agent.SetFilter{Filter: agent.Filter{Units: []string{"a.service", "b.slice"}}},
		"filter syscalls fsync @sync":            agent.FilterSyscalls{Syscalls: []string{"fsync", "@sync"}},
		"filter pid 7 --children --on-exit stop": agent.SetFilter{Filter: agent.Filter{PIDs: []uint32{7}, Children: true, OnExit: agent.OnExitStop}},
		"filter set --uid 0 --uid 7 --failed":    agent.SetFilter{Filter: agent.Filter{UIDs: []uint32{0, 7}, Failed: true}},
		"filter set --comm a --exclude-comm b --exclude-unit c.service --errno EIO --syscall @sync": agent.SetFilter{Filter: agent.Filter{
			Comms: []string{"a"}, ExcludeComms: []string{"b"}, ExcludeUnits: []string{"c.service"}, Errnos: []string{"EIO"}, Syscalls: []string{"@sync"}}},
		"filter set --pid 7 --children --on-exit clear --unit a.service --cgroup /b": agent.SetFilter{Filter: agent.Filter{
			PIDs: []uint32{7}, Children: true, OnExit: agent.OnExitClear, Units: []string{"a.service"}, Cgroups: []string{"/b"}}},
		"mode count":               agent.SetMode{Mode: "count"},
		"filter clear":             agent.SetFilter{},
		"threshold fdatasync 20ms": agent.SetThreshold{Syscall: "fdatasync", Threshold: 20 * time.Millisecond},
		"threshold @sync 1us":      agent.SetThreshold{Syscall: "@sync", Threshold: time.Microsecond},
		"threshold read 1h30m":     agent.SetThreshold{Syscall: "read", Threshold: 90 * time.Minute},
		"threshold --reset":        agent.ResetThresholds{},
	} {
		if got := r.run(words(line)...); got != (result{}) {
			t.Errorf("%s: %+v, want silence and 0", line, got)
		}
		asked := r.agent.Asked()
		if len(asked) != 1 || !reflect.DeepEqual(asked[0].Cmd, want) {
			t.Errorf("%s asked %+v, want %+v", line, asked, want)
		}
	}
}

func TestWrongCommandLinesAreExplainedAndAskNothing(t *testing.T) {
	r := newRig(t, os.Getuid())
	for line, want := range map[string]string{
		"nonsense":                 `unknown command "nonsense" for "syscountctl"`,
		"start now":                `unknown command "now" for "syscountctl start"`,
		"status x":                 `unknown command "x" for "syscountctl status"`,
		"--nonsense status":        "unknown flag: --nonsense",
		"filter":                   "filter needs a command; give show, pid, unit, syscalls, set or clear",
		"filter nonsense":          `filter has no command "nonsense"; give show, pid, unit, syscalls, set or clear`,
		"filter pid":               "syscountctl filter pid needs at least one PID",
		"mode":                     "mode needs one mode, account, count, watch or auto; got 0 arguments",
		"mode account count":       "mode needs one mode, account, count, watch or auto; got 2 arguments",
		"filter pid x":             `"x" is no PID; give a number from 1 to 4194304`,
		"filter pid 1 0x10":        `"0x10" is no PID; give a number from 1 to 4194304`,
		"filter pid -- -5":         `"-5" is no PID; give a number from 1 to 4194304`,
		"filter pid 4294967296":    `"4294967296" is no PID; give a number from 1 to 4194304`,
		"filter set":               "filter set needs a flag that says what is observed; syscountctl filter clear observes the whole host",
		"filter set --children":    "filter set needs a flag that says what is observed; syscountctl filter clear observes the whole host",
		"filter set --uid root":    `"root" is no user id; give a number from 0 to 4294967294`,
		"filter set --pid x":       `"x" is no PID; give a number from 1 to 4194304`,
		"filter set x":             `unknown command "x" for "syscountctl filter set"`,
		"filter unit":              "syscountctl filter unit needs at least one unit",
		"filter syscalls":          "syscountctl filter syscalls needs at least one system call",
		"filter clear all":         `unknown command "all" for "syscountctl filter clear"`,
		"threshold":                "threshold needs a system call and a duration, or --reset; got 0 arguments",
		"threshold fsync":          "threshold needs a system call and a duration, or --reset; got 1 arguments",
		"threshold fsync 1ms 2ms":  "threshold needs a system call and a duration, or --reset; got 3 arguments",
		"threshold --reset fsync":  `--reset takes no arguments, got "fsync"; it resets all thresholds`,
		"mode turbo":               `mode "turbo" is unknown; give account, count, watch or auto`,
		"mode cuont":               `mode "cuont" is unknown; give account, count, watch or auto; did you mean "count"?`,
		"threshold fsnyc 5ms":      `unknown syscall "fsnyc"; did you mean "fsync"?`,
		"slow -n x":                `--newest "x": must be a whole number from 0 to 4294967295`,
		"threshold fsync 20":       `"20" is no duration; give for example 500us, 20ms or 1.5s`,
		"threshold fsync soon":     `"soon" is no duration; give for example 500us, 20ms or 1.5s`,
		"threshold fsync 999ns":    "a threshold of 999ns is too short; give 1us or more",
		"threshold fsync 0s":       "a threshold of 0s is too short; give 1us or more",
		"threshold fsync 1.5us":    "a threshold of 1.5us is too fine; give whole microseconds",
		"threshold -- fsync -1s":   "a threshold of -1s is too short; give 1us or more",
		"threshold fsync 9999999h": `"9999999h" is no duration; give for example 500us, 20ms or 1.5s`,
		"slow 5":                   `unknown command "5" for "syscountctl slow"`,
		"stuck all":                `unknown command "all" for "syscountctl stuck"`,
		"slow -n -1":               `--newest "-1": must be a whole number from 0 to 4294967295`,
		"summary -n -1":            `--top "-1": must be a whole number from 0 to 4294967295`,
		"summary -n 4294967296":    `--top "4294967296": must be a whole number from 0 to 4294967295`,
	} {
		got := r.run(words(line)...)
		first, hint := lines(got.stderr)
		if got.code != 2 || got.stdout != "" || first != "syscountctl: "+want || hint == "" {
			t.Errorf("%s: %+v, want 2 and %q", line, got, want)
		}
	}
	for _, args := range [][]string{{"filter", "unit", ""}, {"filter", "pid", "1", ""}, {"filter", "syscalls", ""}, {"threshold", "", "1s"}} {
		if got := r.run(args...); got.code != 2 {
			t.Errorf("%q: %+v", args, got)
		}
	}
	if asked := r.agent.Asked(); len(asked) != 0 {
		t.Errorf("the agent was asked %+v", asked)
	}
}

func TestHintOfAWrongCommandLineNamesTheCommand(t *testing.T) {
	r := newRig(t, os.Getuid())
	for line, want := range map[string]string{
		"nonsense":     "Try: syscountctl --help",
		"filter pid x": "Try: syscountctl filter pid --help",
		"threshold":    "Try: syscountctl threshold --help",
	} {
		if _, hint := lines(r.run(words(line)...).stderr); hint != want {
			t.Errorf("%s: hint %q, want %q", line, hint, want)
		}
	}
}
