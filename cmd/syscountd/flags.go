package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"
)

var errUsage = errors.New("usage")

// flags are the command line.
type flags struct {
	config      string
	check       bool
	printConfig bool
	noDBus      bool
	output      string // journal, stdout or auto
	version     bool
}

const usage = `syscountd records slow system calls of this host as JSON lines.

Usage: syscountd [options]

It needs root, or CAP_BPF and CAP_PERFMON; it is made to run as a service:
  systemctl enable --now syscountd
To look at this host at once, without the bus, on the terminal:
  syscountd --no-dbus --output stdout

Options:
`

func parseFlags(args []string, out io.Writer) (flags, error) {
	var f flags
	set := pflag.NewFlagSet("syscountd", pflag.ContinueOnError)
	set.SetOutput(out)
	set.SortFlags = false
	set.Usage = func() { fmt.Fprint(out, usage, set.FlagUsages()) }
	set.StringVar(&f.config, "config", "", "read the policy from this `FILE` only, not from /etc, /run and /usr/lib, and without drop-ins")
	set.BoolVar(&f.check, "check", false, "parse the policy, print what it means and which files set it, and exit (78: it is wrong)")
	set.BoolVar(&f.printConfig, "print-config", false, "print the effective policy as TOML, with the file and line of each key, and exit")
	set.BoolVar(&f.noDBus, "no-dbus", false, "stay off the system bus")
	set.StringVar(&f.output, "output", "auto", "write records to `journal|stdout`; auto: as [output] journal of the policy says")
	set.BoolVar(&f.version, "version", false, "print the version, and exit")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return f, err
		}
		return f, fmt.Errorf("%w: %v; syscountd --help lists the options", errUsage, err)
	}
	if set.NArg() > 0 {
		return f, fmt.Errorf("%w: %q is no option; syscountd takes no arguments", errUsage, set.Arg(0))
	}
	if f.check && f.printConfig {
		return f, fmt.Errorf("%w: --check and --print-config together: give one of them", errUsage)
	}
	switch f.output {
	case "auto", "journal", "stdout":
		return f, nil
	}
	return f, fmt.Errorf("%w: --output %q: must be journal, stdout or auto", errUsage, f.output)
}
