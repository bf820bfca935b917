package agent

import (
	"testing"
	"time"

	"github.com/syscountd/syscountd/agent/record"
	"github.com/syscountd/syscountd/bpf"
)

// Who opens a FIFO waits for whoever opens its other end, and who opens a file on a
// file server that hangs does not.
func TestToOpenAFIFOIsToWait(t *testing.T) {
	for _, c := range []struct {
		name   string
		frames []string
		want   int
	}{
		{"a FIFO", []string{"wait_for_partner", "fifo_open", "do_dentry_open", "path_openat"}, 0},
		{"a terminal", []string{"tty_port_block_til_ready", "tty_open", "chrdev_open", "do_dentry_open"}, 0},
		{"a file of FUSE", []string{"request_wait_answer", "fuse_do_open", "fuse_file_open", "do_dentry_open"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runAgent(t, quiet)
			openat := slowFsync(20*time.Second, 5)
			openat.Syscall, openat.FDKind, openat.Ret = bpf.Syscall{ABI: bpf.ABIx8664, Nr: 257}, 0, -4 // EINTR, after all
			openat.Wait = &bpf.Wait{SleepNs: 20e9, LongestNs: 20e9, Stack: r.kernel().addresses(c.frames)}
			stuck := *openat
			stuck.Stuck = true
			r.returns(&stuck, openat)
			if got := only[*record.Slow](r.written()); len(got) != c.want {
				t.Errorf("%d slow records; want %d", len(got), c.want)
			}
			verdicts := 0
			r.inside(func() {
				if _, slow := r.verdict(&stuck, r.placeOf(&stuck)); slow {
					verdicts++
				}
			})
			if verdicts != c.want {
				t.Errorf("the open call was found slow %d times; want %d", verdicts, c.want)
			}
		})
	}
}

// addresses are those of functions that have these names from now on.
func (k *fakeKernel) addresses(names []string) (addresses []uint64) {
	k.symbols = names
	for i := range names {
		addresses = append(addresses, uint64(i))
	}
	return addresses
}
