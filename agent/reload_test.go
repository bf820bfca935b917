package agent

import (
	"os"
	"strings"
	"testing"

	"github.com/syscountd/syscountd/agent/record"
)

// What a reload cannot put in force it says, and the record of a filter has all of it.
func TestTheRecordOfAChangeHasAllOfIt(t *testing.T) {
	r := runAgent(t, quiet)
	r.out.take()
	r.policy = quiet + "[output]\njournal = \"on\"\n"
	r.do(Reload{})
	if s := only[*record.State](r.out.take()); len(s) != 1 || s[0].Detail != "output.journal has changed: it counts from the next start on" {
		t.Errorf("reload: %+v", s)
	}
	r.do(Reload{})
	if s := only[*record.State](r.out.take()); len(s) != 1 || s[0].Detail != "" {
		t.Errorf("the same again: %+v", s)
	}
	r.do(SetFilter{Filter{PIDs: []uint32{uint32(os.Getpid())}, Children: true, OnExit: OnExitClear}})
	s := only[*record.State](r.out.take())
	if len(s) != 1 || !s[0].Filter.Children || s[0].Filter.OnExit != "clear" || !strings.Contains(s[0].Sentence(), " and children") {
		t.Errorf("filter: %+v", s)
	}
}

// A policy whose filter the host does not have is refused at the place of the key.
func TestAReloadSaysWhereTheFilterIsWrong(t *testing.T) {
	r := runAgent(t, quiet)
	r.policy = quiet + "[filter]\npids = [4194303]\n"
	line := strings.Count(r.policy, "\n")
	r.refused(Reload{}, ErrPolicy, "test.toml:"+string(rune('0'+line))+": filter.pids: there is no process with pid 4194303")
}
