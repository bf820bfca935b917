package kstack

// kind is a class and the functions that tell it.
type kind struct {
	class string
	in    names
}

// kinds say what is waited for. The innermost frame that is in one of them
// decides; the first of the list where it is in two.
var kinds = []kind{
	{"fuse", namesOf(`request_wait_answer fuse_* __fuse_* virtio_fs_*`)},
	{"NFS", namesOf(`rpc_* __rpc_* nfs_* nfs3_* nfs4_* _nfs4_* nfsd_* nlmclnt_*`)},
	{"SMB", namesOf(`cifs_* smb2_* SMB2_* compound_send_recv wait_for_response`)},
	{"9p", namesOf(`p9_* v9fs_*`)},
	{"Ceph", namesOf(`ceph_* __ceph_* rbd_*`)},
	{"autofs", namesOf(`autofs_*`)},

	{"journal space", namesOf(`__jbd2_log_wait_for_space jbd2_log_wait_for_space xlog_grant_head_* xfs_log_reserve`)},
	{"journal commit", namesOf(`
		jbd2_* __jbd2_* start_this_handle add_transaction_credits wait_transaction_locked wait_transaction_switching do_get_write_access
		xlog_wait_on_iclog xlog_* xfs_log_force* xfs_iunpin_wait __xfs_iunpin_wait xfs_buf_wait_unpin
		btrfs_wait_for_commit btrfs_commit_transaction wait_current_trans wait_for_commit wait_log_commit wait_for_writer btrfs_sync_log`)},
	{"frozen file system", namesOf(`__sb_start_write sb_start_write`)},
	{"file system locks", namesOf(`btrfs_tree_lock* btrfs_tree_read_lock* __btrfs_tree_* btrfs_lock_* lock_extent* xfs_ilock* xfs_buf_lock`)},
	{"quota", namesOf(`dquot_* btrfs_qgroup_*`)},
	{"metadata read", namesOf(`
		xfs_buf_iowait xfs_buf_read* ext4_read_bh* ext4_sb_bread* __ext4_sb_bread* ext4_bread* __ext4_get_inode_loc* __ext4_find_entry
		ext4_wait_block_bitmap bh_read* __bh_read* __bread_gfp bdev_getblk read_extent_buffer* btrfs_read_extent_buffer read_tree_block`)},

	{"block flush", namesOf(`blkdev_issue_flush`)},
	{"discard", namesOf(`blkdev_issue_discard __blkdev_issue_discard blkdev_issue_secure_erase blkdev_issue_zeroout`)},
	{"block queue", namesOf(`
		blk_mq_get_tag rq_qos_wait wbt_wait __rq_qos_throttle blk_queue_enter __bio_queue_enter bio_queue_enter blk_mq_freeze_queue* ioc_rqos_throttle
		blkcg_maybe_throttle_* blk_throtl_bio __blk_throtl_bio`)},
	{"RAID", namesOf(`md_* raid1_* raid10_* raid5_* wait_barrier wait_read_barrier`)},
	{"device mapper", namesOf(`dm_* __dm_*`)},
	{"device", namesOf(`nvme_* __nvme_* scsi_* __scsi_* sg_* ata_* usb_* mmc_*`)},
	{"direct I/O", namesOf(`__iomap_dio_rw iomap_dio_* blkdev_direct_IO* __blkdev_direct_IO* dio_* do_blockdev_direct_IO __blockdev_direct_IO inode_dio_wait* __inode_dio_wait`)},
	{"dirty page limit", namesOf(`balance_dirty_pages*`)},
	{"swap", namesOf(`do_swap_page swap_read* swapin_* swap_cluster_readahead read_swap_cache_async`)},

	{"memory reclaim", namesOf(`
		try_to_free_pages do_try_to_free_pages try_to_free_mem_cgroup_pages shrink_node* shrink_lruvec shrink_slab* shrink_inactive_list shrink_folio_list shrink_page_list shrink_zones shrink_one shrink_many reclaim_throttle congestion_wait wait_iff_congested
		mem_cgroup_handle_over_high __mem_cgroup_handle_over_high throttle_direct_reclaim __alloc_pages_direct_reclaim`)},
	{"memory compaction", namesOf(`try_to_compact_pages compact_zone* __alloc_pages_direct_compact`)},
	{"out of memory", namesOf(`mem_cgroup_oom_synchronize out_of_memory oom_kill_process`)},
	{"page migration", namesOf(`migration_entry_wait* pmd_migration_entry_wait __migration_entry_wait* migrate_pages*`)},
	{"user page fault", namesOf(`handle_userfault userfaultfd_*`)},

	{"futex", namesOf(`futex_* __futex_* do_futex`)},
	{"pipe", namesOf(`
		pipe_read pipe_write anon_pipe_read anon_pipe_write fifo_pipe_read fifo_pipe_write pipe_wait_* wait_for_partner fifo_open wait_for_space
		splice_from_pipe_next ipipe_prep opipe_prep`)},
	{"socket lock", namesOf(`__lock_sock __lock_sock_fast lock_sock_nested`)},
	{"socket", namesOf(`
		sk_wait_data sk_stream_wait_* inet_csk_accept inet_accept inet_wait_for_connect __inet_stream_connect inet_stream_connect inet_csk_wait_for_connect
		tcp_* udp_* unix_* __skb_wait_for_more_packets __skb_recv_* skb_recv_* sock_alloc_send_pskb sock_wait_for_wmem
		netlink_* packet_* vsock_* sctp_* mptcp_* smc_* tls_* rxrpc_*`)},
	{"file lock", namesOf(`locks_lock_inode_wait flock_lock_inode_wait posix_lock_inode_wait fcntl_setlk* do_lock_file_wait __do_sys_flock`)},
	{"file lease", namesOf(`__break_lease`)},
	{"events", namesOf(`do_poll do_sys_poll do_select core_sys_select do_pselect ep_poll do_epoll_wait do_epoll_pwait io_cqring_wait`)},
	{"event file", namesOf(`eventfd_read eventfd_write timerfd_read* signalfd_read* inotify_read fanotify_read`)},
	{"fanotify listener", namesOf(`fanotify_get_response fanotify_handle_event`)},
	{"terminal", namesOf(`n_tty_* tty_* uart_* pty_*`)},
	{"timer", namesOf(`hrtimer_nanosleep do_nanosleep common_nsleep* alarm_timer_nsleep`)},
	{"signal", namesOf(`sigsuspend __do_sys_pause __se_sys_pause __x64_sys_pause __ia32_sys_pause do_sigtimedwait`)},
	{"child process", namesOf(`do_wait kernel_wait4 kernel_waitid wait_for_vfork_done`)},
	{"semaphore", namesOf(`do_semtimedop __do_semtimedop`)},
	{"message queue", namesOf(`do_msgrcv do_msgsnd wq_sleep do_mq_timedreceive do_mq_timedsend`)},

	{"stopped", namesOf(`do_signal_stop do_group_stop`)},
	{"tracer", namesOf(`ptrace_stop ptrace_do_notify ptrace_notify ptrace_check_attach wait_task_inactive`)},
	{"freezer", namesOf(`__refrigerator do_freezer_trap cgroup_freezer_*`)},
	{"CPU quota", namesOf(`throttle_cfs_rq_work`)},
	{"CPU migration", namesOf(`affine_move_task stop_one_cpu stop_two_cpus migration_cpu_stop`)},
	{"core dump", namesOf(`coredump_wait do_coredump vfs_coredump dump_emit coredump_task_exit`)},
	{"seccomp supervisor", namesOf(`seccomp_do_user_notification`)},
	{"user-mode helper", namesOf(`call_usermodehelper_exec __request_module request_module`)},
	{"random numbers", namesOf(`wait_for_random_bytes`)},
	{"RCU grace period", namesOf(`synchronize_rcu* synchronize_srcu* __synchronize_srcu synchronize_net rcu_barrier* __wait_rcu_gp rcu_sync_enter wait_rcu_exp_gp`)},
	{"directory entry", namesOf(`d_alloc_parallel d_wait_lookup`)},
	{"inode", namesOf(`__wait_on_freeing_inode wait_on_new_inode iget_locked iget5_locked ilookup*`)},
	{"mapping", namesOf(`__vma_start_write vma_start_write vma_start_read`)},
	{"kernel lock", namesOf(`
		mutex_lock* __mutex_lock* ww_mutex_lock* __ww_mutex_lock* mutex_optimistic_spin down down_common __down* down_interruptible down_killable down_timeout
		down_read* down_write* rwsem_* __rwsem_* rt_mutex_slowlock* __rt_mutex_slowlock* rt_mutex_lock* __rt_mutex_lock* rtlock_slowlock* rt_spin_lock*
		rwbase_read_lock* rwbase_write_lock* __rwbase_read_lock*`)},
}

// pages are waited for on the way of nearly all I/O: a file system or a device
// further out says more.
var pages = []kind{
	{"writeback", namesOf(`
		folio_wait_writeback* wait_on_page_writeback* folio_wait_stable __filemap_fdatawait_range filemap_fdatawait* file_write_and_wait_range
		filemap_write_and_wait_range wb_wait_for_completion inode_wait_for_writeback __inode_wait_for_writeback inode_sleep_on_writeback sync_inodes_sb __writeback_inodes_sb_nr btrfs_wait_ordered_*`)},
	{"page read", namesOf(`
		filemap_get_pages filemap_update_page filemap_read filemap_fault filemap_read_folio filemap_read_page generic_file_buffered_read
		do_read_cache_folio read_cache_* do_read_cache_page iomap_read_* iomap_write_begin mpage_read*`)},
}

// vague frames tell something, but all others tell more.
var vague = []kind{
	{"block I/O", namesOf(`submit_bio_wait bit_wait_io blk_execute_rq* __wait_on_buffer`)},
	{"page lock", namesOf(`__filemap_get_folio* pagecache_get_page folio_wait_bit* __folio_lock* folio_lock* wait_on_page_bit* __lock_page*`)},
	{"kernel lock", namesOf(`percpu_rwsem_wait __percpu_down_read percpu_down_read* percpu_down_write*`)},
}
