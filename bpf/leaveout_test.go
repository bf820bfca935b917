package bpf

import "testing"

// The other spelling of a kernel function is taken out of every program, and
// nothing else is.
func TestLeaveOut(t *testing.T) {
	spec, err := loadSyscount()
	if err != nil {
		t.Fatal(err)
	}
	calls := func(function string) (n int) {
		for _, prog := range spec.Programs {
			for _, ins := range prog.Instructions {
				if ins.IsKfuncCall() && ins.Reference() == function {
					n++
				}
			}
		}
		return n
	}
	const one, other = "bpf_task_work_schedule_resume", "bpf_task_work_schedule_resume_impl"
	before := calls(one)
	if before == 0 || calls(other) == 0 {
		t.Fatalf("%d calls of %s, %d of %s: nothing to test", before, one, calls(other), other)
	}
	leaveOut(spec, other)
	if calls(one) != before || calls(other) != 0 {
		t.Errorf("%d calls of %s, %d of %s; want %d, none", calls(one), one, calls(other), other, before)
	}
}
