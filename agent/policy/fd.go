package policy

// The kinds of what a call is on: its first fd argument or, for open and its
// like, the fd that it returned.
const (
	FDNone    = ""        // the call has no fd, or returned none; "none" in TOML
	FDFile    = "file"    // regular file of a real file system
	FDDir     = "dir"     // directory
	FDBlock   = "block"   // block device
	FDChar    = "char"    // character device that is no terminal
	FDTTY     = "tty"     // terminal
	FDPipe    = "pipe"    // pipe or FIFO
	FDSocket  = "socket"  // socket of any family
	FDAnon    = "anon"    // anonymous inode: eventfd, timerfd, epoll, inotify, KVM, ...
	FDPseudo  = "pseudo"  // regular file of a kernel file system: proc, sysfs, tracefs, cgroup, ...
	FDUnknown = "unknown" // the call has an fd that could not be looked at: closed meanwhile;
	// for @fdwait calls that take an fd, FDNone is understood as this
)

// fdNoneWord is how TOML spells FDNone.
const fdNoneWord = "none"

// FDKinds are the words that a rule's fd list may hold.
func FDKinds() []string {
	return []string{FDFile, FDDir, FDBlock, FDChar, FDTTY, FDPipe, FDSocket, FDAnon, FDPseudo, FDUnknown, fdNoneWord}
}

// fdWord turns a kind into the word that rules use for it.
func fdWord(kind string) string {
	if kind == FDNone {
		return fdNoneWord
	}
	return kind
}

// waitsOn says whether an @fdwait call on this kind waits for someone else rather
// than for storage. What could not be looked at is taken for one that waits: a
// call whose fd was closed under it nearly always slept on a socket or pipe.
func waitsOn(kind string) bool {
	switch kind {
	case FDChar, FDTTY, FDPipe, FDSocket, FDAnon, FDPseudo, FDUnknown:
		return true
	}
	return false
}

// opens says whether a call's fd is the one that it returns, so that it has none
// when it failed.
func opens(syscall string) bool {
	switch syscall {
	case "open", "openat", "openat2", "creat":
		return true
	}
	return false
}

// Waits says whether this call on this kind of fd is one that waits, so that only
// a rule that names it decides about it.
func Waits(syscall, fdKind string) bool {
	d := newDocket(syscall)
	return d.waits(d.kind(fdKind))
}
