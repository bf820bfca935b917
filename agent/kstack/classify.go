package kstack

// A per-CPU semaphore is what holds back the writers of a frozen file system:
// it is one when one of these asks for it, with inlined functions between.
var (
	percpuLock = namesOf(`percpu_rwsem_wait __percpu_down_read percpu_down_read*`)
	fsWriter   = namesOf(`
		mnt_want_write* vfs_write vfs_writev vfs_iter_write vfs_iocb_iter_write do_iter_write do_iter_readv_writev vfs_fallocate vfs_truncate do_ftruncate
		do_sys_ftruncate ksys_write aio_write io_write io_kiocb_start_write file_start_write kiocb_start_write vfs_copy_file_range splice_direct_to_actor
		do_sendfile do_splice vfs_splice_* generic_file_splice_write ext4_page_mkwrite xfs_filemap_* filemap_page_mkwrite btrfs_page_mkwrite
		f2fs_vm_page_mkwrite ext4_evict_inode`)
)

var (
	// toUser is the way back to user mode, where the kernel gives the CPU away
	// when another thread needs it.
	toUser = namesOf(`exit_to_user_mode_loop exit_to_user_mode_prepare irqentry_exit_to_user_mode do_notify_resume`)

	// fault is where a page fault interrupted the frames below: they do not know
	// what it waits for.
	fault = namesOf(`asm_exc_page_fault exc_page_fault do_user_addr_fault do_page_fault do_mem_abort do_translation_fault el1_abort`)

	ioSchedule = namesOf(`io_schedule io_schedule_timeout blk_io_schedule`)
)

// class says in words what the frames waited for. scheduling are the frames
// that were cut off above them.
func class(scheduling, frames []string) string {
	switch {
	case anyOf(preemption, scheduling), len(frames) > 0 && toUser.has(frames[0]):
		return "CPU"
	case len(frames) > 0 && frames[0] == "kernel_clone": // after a completion: that of vfork
		return "vfork child"
	}
	frames = sinceFault(frames)
	for _, list := range [][]kind{kinds, pages, vague} {
		if c := innermost(list, frames); c != "" {
			return c
		}
	}
	if anyOf(ioSchedule, scheduling) {
		return "block I/O"
	}
	return ""
}

// innermost is the class of the first frame that has one.
func innermost(list []kind, frames []string) string {
	for i, frame := range frames {
		if i > 0 && percpuLock.has(frames[i-1]) && fsWriter.has(frame) {
			return "frozen file system"
		}
		for _, k := range list {
			if k.in.has(frame) {
				return k.class
			}
		}
	}
	return ""
}

func sinceFault(frames []string) []string {
	for i, frame := range frames {
		if fault.has(frame) {
			return frames[:i]
		}
	}
	return frames
}

func anyOf(set names, frames []string) bool {
	for _, frame := range frames {
		if set.has(frame) {
			return true
		}
	}
	return false
}
