package kstack

// The names in this file and in class.go are those of Linux 5.15 to 7.x; they are from the
// sources, and from stacks of many kinds of wait on 6.18 (testdata). A name that
// a kernel does not have is harmless. One that it has and we do not know is
// taken for telling: the site is then a helper, in the right place all the same.

// scheduler leaves the CPU, on whosever behalf. A completion is counted in: it
// adds nothing to who waits for it, and the kernel itself leaves it out of
// /proc/PID/stack.
var scheduler = namesOf(`
	__schedule schedule __schedule_loop schedule_debug context_switch __switch_to __switch_to_asm finish_task_switch
	schedule_timeout schedule_timeout_* schedule_hrtimeout* schedule_preempt_disabled schedule_rtlock schedule_idle
	io_schedule io_schedule_timeout blk_io_schedule rt_mutex_schedule
	preempt_schedule* arm64_preempt_schedule_irq __cond_resched* _cond_resched cond_resched dynamic_cond_resched dynamic_preempt_schedule*
	dynamic_irqentry_exit_cond_resched irqentry_exit_cond_resched raw_irqentry_exit_cond_resched
	__wait_for_common do_wait_for_common wait_for_common wait_for_common_io
	wait_for_completion wait_for_completion_*
`)

// preemption takes a CPU away from a thread that could have used it.
var preemption = namesOf(`
	preempt_schedule* arm64_preempt_schedule_irq __cond_resched* _cond_resched cond_resched dynamic_cond_resched dynamic_preempt_schedule*
	dynamic_irqentry_exit_cond_resched irqentry_exit_cond_resched raw_irqentry_exit_cond_resched
`)

// tracing is in the stack because somebody looks at it.
var tracing = namesOf(`
	__traceiter_* trace_event_raw_event_* perf_trace_* __bpf_trace_* bpf_trace_run* bpf_prog_* bpf_trampoline_* bpf_dispatcher_*
	bpf_get_stack* bpf_get_task_stack* __bpf_get_stack* get_perf_callchain ftrace_* arch_ftrace_* stack_trace_save* arch_stack_walk
	__probestub_* kprobe_ftrace_handler
`)

// entry is how the kernel was entered, and how a new thread begins.
var entry = namesOf(`
	do_syscall_64 do_syscall_x64 x64_sys_call x32_sys_call ia32_sys_call entry_SYSCALL_* entry_SYSENTER_* entry_INT80_* entry_FRED_*
	do_fast_syscall_32 __do_fast_syscall_32 do_SYSENTER_32 do_int80_syscall_32 do_int80_emulation asm_int80_emulation int80_emulation
	do_syscall_32_irqs_on asm_fred_* fred_*
	el0_svc* do_el0_svc* el0t_* el0_sync* el0_da invoke_syscall __invoke_syscall
	ret_from_fork* ret_to_user syscall_return_via_sysret
`)

// waiting are the ways to wait: who called them says what for. The locks of the
// kernel are among them.
var waiting = namesOf(`
	wait_woken do_wait_intr do_wait_intr_irq prepare_to_wait* wait_on_bit* __wait_on_bit __wait_on_bit_lock __wait_on_bit_timeout
	out_of_line_wait_on_* bit_wait bit_wait_io bit_wait_timeout bit_wait_io_timeout __wait_var_event wait_var_event*
	folio_wait_bit* __folio_lock* folio_lock* wait_on_page_bit* wait_on_page_locked* __lock_page* lock_page* __wait_on_buffer wait_on_buffer __lock_buffer
	submit_bio_wait submit_bio_noacct* submit_bio __submit_bio* blk_execute_rq*
	mutex_lock* __mutex_lock* ww_mutex_lock* __ww_mutex_lock* mutex_wait* mutex_optimistic_spin
	down down_common __down* down_interruptible down_killable down_timeout down_read* down_write* rwsem_* __rwsem_*
	percpu_rwsem_wait __percpu_down_read percpu_down_read* percpu_down_write*
	rt_mutex_slowlock* __rt_mutex_slowlock* rt_mutex_lock* __rt_mutex_lock* rt_mutex_wait* rtlock_slowlock* rt_spin_lock* rt_read_lock rt_write_lock
	rt_down_* rwbase_read_lock* rwbase_write_lock* __rwbase_read_lock* queued_spin_lock_slowpath queued_*_lock_slowpath _raw_spin_lock* _raw_read_lock* _raw_write_lock*
	do_nanosleep poll_schedule_timeout futex_do_wait futex_wait_queue futex_wait_queue_me __futex_wait futex_wait_multiple
	rpc_wait_bit_killable rpc_wait_for_completion_task __rpc_wait_for_completion_task __rpc_execute rpc_execute rpc_run_task
	rpc_call_sync rpc_call_sync_* nfs3_rpc_wrapper nfs4_call_sync nfs4_call_sync_sequence nfs4_do_call_sync nfs4_call_sync_custom
	__wait_rcu_gp wait_rcu_gp wait_rcu_exp_gp rcu_barrier_callback
	__flush_work flush_work __flush_workqueue flush_delayed_work msleep msleep_interruptible usleep_range* fsleep
	irqentry_exit* irqentry_* exit_to_kernel_mode* asm_sysvec_* sysvec_* asm_common_interrupt common_interrupt
	el1_interrupt el1h_64_irq* el1_irq* __el1_irq
`)
