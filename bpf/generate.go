package bpf

// The objects for both architectures are committed, so that a build needs Go
// alone. The C compiler and libbpf's headers are those of Debian 12 (clang-16,
// libbpf-dev); `make check` regenerates and compares.
//go:generate go tool bpf2go -cc clang-16 -strip llvm-strip-16 -target amd64,arm64 -type row_key -type row -type near_row -type times -type early_list -type list_key -type early -type plainness -type process_key -type process_name -type cgroup_path -type cgroup_name -type counters -type cost -type running -type cpu -type slow_call -type wait -type thread_name -type file_report -type user_frame -type socket_report -type wait_class -type fd_kind -type trait -type interest -type cgroup_path_end -type call_start -type task_work -type choice -type errors -type comm -type slots -type histogram -type group_by -type modes -type doubles -type floor -type assignment_key -type floor_key syscount syscount.bpf.c -- -std=gnu11 -O2 -Wall -Wextra -Werror -Wno-unused-parameter -I/usr/include/x86_64-linux-gnu
//go:generate go tool bpf2go -cc clang-16 -strip llvm-strip-16 -target amd64,arm64 callrate callrate.bpf.c -- -std=gnu11 -O2 -Wall -Wextra -Werror -Wno-unused-parameter -I/usr/include/x86_64-linux-gnu
