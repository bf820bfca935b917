package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/syscountd/syscountd/agent/policy"
	"github.com/syscountd/syscountd/agent/record"
)

// complain says in one line why the command fails; whoever tries a policy out sees the
// place in the file as well.
func complain(env env, f flags, err error) {
	text := record.Clean(strings.ReplaceAll(err.Error(), "\n", "; ")) // a joined error has lines
	fmt.Fprintf(env.stderr, "%ssyscountd: %s\n", priority(env.stderr, env.journalStream), text)
	var bad *policy.Error
	if (f.check || f.printConfig) && errors.As(err, &bad) {
		fmt.Fprint(env.stderr, bad.Snippet())
	}
}

// priority is sd-daemon(3)'s mark of an error where the journal reads the stream; a person
// sees none.
func priority(w io.Writer, journalStream string) string {
	file, isFile := w.(*os.File)
	if !isFile || journalStream == "" {
		return ""
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil || fmt.Sprintf("%d:%d", st.Dev, st.Ino) != journalStream {
		return ""
	}
	return "<3>"
}
