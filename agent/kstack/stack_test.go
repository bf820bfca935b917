package kstack

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	tests := map[string]struct {
		stack  string
		frames string
		site   string
		class  string
	}{
		"the design's example": {
			"__schedule schedule schedule_timeout io_schedule_timeout __wait_for_common submit_bio_wait blkdev_issue_flush ext4_sync_file do_fsync __x64_sys_fdatasync do_syscall_64 entry_SYSCALL_64_after_hwframe",
			"submit_bio_wait blkdev_issue_flush ext4_sync_file do_fsync __x64_sys_fdatasync", "blkdev_issue_flush", "block flush",
		},
		"page writeback, without the function that names it": {
			"__schedule schedule io_schedule folio_wait_bit_common filemap_fdatawait_range ext4_sync_file do_fsync __x64_sys_fsync do_syscall_64 entry_SYSCALL_64_after_hwframe",
			"folio_wait_bit_common filemap_fdatawait_range ext4_sync_file do_fsync __x64_sys_fsync", "filemap_fdatawait_range", "writeback",
		},
		"our own frames above the scheduler's": {
			"bpf_prog_6deef7357e7b4530_sched_switch 0xffffffffc0212345 bpf_trace_run4 __traceiter_sched_switch __schedule schedule jbd2_log_wait_commit do_fsync",
			"jbd2_log_wait_commit do_fsync", "jbd2_log_wait_commit", "journal commit",
		},
		"a module without symbols keeps its place": {
			"__schedule schedule 0xffffffffc0212345 vfs_read ksys_read do_syscall_64 entry_SYSCALL_64_after_hwframe",
			"0xffffffffc0212345 vfs_read ksys_read", "vfs_read", "",
		},
		"no names at all": {"0xffffffff81000001 0xffffffff81000002", "0xffffffff81000001 0xffffffff81000002", "", ""},
		"only helpers":    {"__schedule schedule folio_wait_bit_common", "folio_wait_bit_common", "folio_wait_bit_common", "page lock"},
		"nothing left":    {"__schedule schedule do_syscall_64 entry_SYSCALL_64_after_hwframe", "", "", ""},
		"empty":           {"", "", "", ""},
		"block I/O is known by who let go of the CPU": {
			"__schedule schedule io_schedule mystery_read vfs_read", "mystery_read vfs_read", "mystery_read", "block I/O",
		},
		"fuse": {
			"__schedule schedule request_wait_answer __fuse_simple_request fuse_flush filp_flush __x64_sys_close x64_sys_call do_syscall_64 entry_SYSCALL_64_after_hwframe",
			"request_wait_answer __fuse_simple_request fuse_flush filp_flush __x64_sys_close", "request_wait_answer", "fuse",
		},
		"a page that fuse reads": {
			"__schedule schedule io_schedule folio_wait_bit_common filemap_get_pages filemap_read fuse_cache_read_iter vfs_read ksys_read do_syscall_64",
			"folio_wait_bit_common filemap_get_pages filemap_read fuse_cache_read_iter vfs_read ksys_read", "filemap_get_pages", "fuse",
		},
		"NFS": {
			"__schedule schedule rpc_wait_bit_killable __wait_on_bit out_of_line_wait_on_bit __rpc_execute rpc_execute rpc_run_task rpc_call_sync nfs3_rpc_wrapper nfs3_proc_getattr __nfs_revalidate_inode nfs_getattr vfs_statx __x64_sys_newfstatat do_syscall_64",
			"rpc_wait_bit_killable __wait_on_bit out_of_line_wait_on_bit __rpc_execute rpc_execute rpc_run_task rpc_call_sync nfs3_rpc_wrapper nfs3_proc_getattr __nfs_revalidate_inode nfs_getattr vfs_statx __x64_sys_newfstatat",
			"nfs3_proc_getattr", "NFS",
		},
		"a mutex: its taker, and no word of a mutex": {
			"__schedule schedule schedule_preempt_disabled __mutex_lock.constprop.0 __mutex_lock_slowpath mutex_lock ext4_ioctl_group_add __x64_sys_ioctl do_syscall_64",
			"__mutex_lock __mutex_lock_slowpath mutex_lock ext4_ioctl_group_add __x64_sys_ioctl", "ext4_ioctl_group_add", "kernel lock",
		},
		"a lock of fuse is a lock": {
			"__schedule schedule schedule_preempt_disabled rwsem_down_write_slowpath down_write fuse_direct_write_iter vfs_write",
			"rwsem_down_write_slowpath down_write fuse_direct_write_iter vfs_write", "fuse_direct_write_iter", "kernel lock",
		},
		"a per-CPU semaphore that is not a file system's": {
			"__schedule schedule percpu_rwsem_wait __percpu_down_read cgroup_css_set_fork copy_process kernel_clone __x64_sys_clone3 do_syscall_64",
			"percpu_rwsem_wait __percpu_down_read cgroup_css_set_fork copy_process kernel_clone __x64_sys_clone3", "cgroup_css_set_fork", "kernel lock",
		},
		"a page fault does not wait for what it interrupted": {
			"__schedule schedule mystery_wait handle_mm_fault exc_page_fault asm_exc_page_fault copyout tcp_recvmsg sock_recvmsg __x64_sys_recvfrom do_syscall_64",
			"mystery_wait handle_mm_fault exc_page_fault asm_exc_page_fault copyout tcp_recvmsg sock_recvmsg __x64_sys_recvfrom", "mystery_wait", "",
		},
		"swapped out": {
			"__schedule schedule io_schedule folio_wait_bit_common __folio_lock_or_retry do_swap_page __handle_mm_fault handle_mm_fault exc_page_fault asm_exc_page_fault",
			"folio_wait_bit_common __folio_lock_or_retry do_swap_page __handle_mm_fault handle_mm_fault exc_page_fault asm_exc_page_fault", "do_swap_page", "swap",
		},
		"preempted by an interrupt": {
			"__schedule preempt_schedule_irq irqentry_exit sysvec_apic_timer_interrupt asm_sysvec_apic_timer_interrupt sha256_transform crypto_shash_update __x64_sys_read do_syscall_64",
			"irqentry_exit sysvec_apic_timer_interrupt asm_sysvec_apic_timer_interrupt sha256_transform crypto_shash_update __x64_sys_read", "sha256_transform", "CPU",
		},
		"CPU quota, where a task throttles itself": {
			"__schedule schedule throttle_cfs_rq_work task_work_run exit_to_user_mode_loop do_syscall_64",
			"throttle_cfs_rq_work task_work_run exit_to_user_mode_loop", "throttle_cfs_rq_work", "CPU quota",
		},
		"frozen by a cgroup": {
			"__schedule schedule do_freezer_trap get_signal arch_do_signal_or_restart exit_to_user_mode_loop do_syscall_64",
			"do_freezer_trap get_signal arch_do_signal_or_restart exit_to_user_mode_loop", "do_freezer_trap", "freezer",
		},
		"dirty pages": {
			"__schedule schedule schedule_timeout io_schedule_timeout balance_dirty_pages balance_dirty_pages_ratelimited_flags generic_perform_write ext4_buffered_write_iter vfs_write",
			"balance_dirty_pages balance_dirty_pages_ratelimited_flags generic_perform_write ext4_buffered_write_iter vfs_write", "balance_dirty_pages", "dirty page limit",
		},
		"5.15": {
			"__schedule+0x2cd/0x880 schedule+0x4e/0xb0 io_schedule+0x46/0x70 wait_on_page_bit_common+0x10c/0x3d0 wait_on_page_bit+0x3f/0x50 wait_on_page_writeback+0x26/0x80 __filemap_fdatawait_range+0x89/0xf0 file_write_and_wait_range+0xcd/0xf0 ext4_sync_file+0x100/0x360 __x64_sys_fsync+0x38/0x70 do_syscall_64+0x5c/0xc0 entry_SYSCALL_64_after_hwframe+0x61/0xcb",
			"wait_on_page_bit_common wait_on_page_bit wait_on_page_writeback __filemap_fdatawait_range file_write_and_wait_range ext4_sync_file __x64_sys_fsync", "wait_on_page_writeback", "writeback",
		},
		"6.1 futex": {
			"__schedule schedule futex_wait_queue futex_wait do_futex __x64_sys_futex do_syscall_64 entry_SYSCALL_64_after_hwframe",
			"futex_wait_queue futex_wait do_futex __x64_sys_futex", "futex_wait", "futex",
		},
		"arm64": {
			"__switch_to __schedule schedule pipe_read vfs_read ksys_read __arm64_sys_read invoke_syscall.constprop.0 el0_svc_common.constprop.0 do_el0_svc el0_svc el0t_64_sync_handler el0t_64_sync",
			"pipe_read vfs_read ksys_read __arm64_sys_read", "pipe_read", "pipe",
		},
		"i386 on x86-64": {
			"__schedule schedule do_nanosleep hrtimer_nanosleep common_nsleep __ia32_sys_clock_nanosleep_time32 ia32_sys_call __do_fast_syscall_32 do_fast_syscall_32 do_SYSENTER_32 entry_SYSENTER_compat_after_hwframe",
			"do_nanosleep hrtimer_nanosleep common_nsleep __ia32_sys_clock_nanosleep_time32", "hrtimer_nanosleep", "timer",
		},
		"FRED": {
			"__schedule schedule inet_csk_accept inet_accept do_accept __x64_sys_accept x64_sys_call do_syscall_64 fred_other fred_entry_from_user asm_fred_entrypoint_user",
			"inet_csk_accept inet_accept do_accept __x64_sys_accept", "inet_csk_accept", "socket",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := Read(strings.Fields(tt.stack))
			if frames := strings.Join(got.Frames, " "); frames != tt.frames {
				t.Errorf("frames\n got %s\nwant %s", frames, tt.frames)
			}
			if got.Site != tt.site || got.Class != tt.class {
				t.Errorf("site %q, class %q, want %q, %q", got.Site, got.Class, tt.site, tt.class)
			}
		})
	}
}

func TestReadRealStacks(t *testing.T) {
	text, err := os.ReadFile("testdata/stacks-6.18.txt")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for line := range strings.Lines(string(text)) {
		parts := strings.Split(strings.TrimSpace(line), "|")
		if strings.HasPrefix(line, "#") || len(parts) != 3 {
			continue
		}
		got := Read(strings.Fields(parts[2]))
		if class, site := strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1]); got.Class != class || got.Site != site {
			t.Errorf("%s:\nsite %q, class %q, want %q, %q", parts[2], got.Site, got.Class, site, class)
		}
		read++
	}
	if read < 50 {
		t.Errorf("%d stacks read", read)
	}
}

func TestReadLeavesItsInputAlone(t *testing.T) {
	in := []string{"__schedule+0x1/0x2", "foo.isra.0", "do_syscall_64"}
	want := slices.Clone(in)
	Read(in)
	if !slices.Equal(in, want) {
		t.Errorf("input is now %q", in)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("__schedule schedule io_schedule folio_wait_bit_common filemap_fdatawait_range do_fsync __x64_sys_fsync do_syscall_64")
	f.Add("[<0>] a.isra.0+0x1/0x2 [m]\n0xffffffff81000000\n\x00.part")
	f.Fuzz(func(t *testing.T, text string) {
		symbols := strings.Split(text, " ")
		got := Read(symbols)
		if len(got.Frames) > len(symbols) {
			t.Fatalf("%d frames of %d symbols", len(got.Frames), len(symbols))
		}
		if got.Site != "" && !slices.Contains(got.Frames, got.Site) {
			t.Fatalf("site %q is not in %q", got.Site, got.Frames)
		}
		for _, frame := range got.Frames {
			if len(frame) > maxSymbol {
				t.Fatalf("frame of %d bytes", len(frame))
			}
		}
		again := Read(got.Frames)
		if len(again.Frames) > len(got.Frames) {
			t.Fatalf("read again: %q", again.Frames)
		}
	})
}
