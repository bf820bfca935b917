package kernels

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// apt is an apt of our own, for one suite and architecture of Debian: its
// sources, lists and cache are in a directory of the cache, so that those of the
// machine stay as they are.
type apt struct {
	dir string
}

// newApt sets one up, and gets the lists of packages. Without a network it goes
// on with the lists that it has, as "apt-get update" does.
func newApt(ctx context.Context, dir, mirror, suite, architecture string) (*apt, error) {
	for _, d := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("make directories for apt: %w", err)
		}
	}
	network, err := exec.CommandContext(ctx, "apt-config", "dump",
		"Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until", "Acquire::Check-Date").Output()
	if err != nil {
		return nil, fmt.Errorf("read the configuration of apt: %w", withStderr(err))
	}
	for name, text := range map[string]string{
		"apt.conf":     aptConfig(dir, architecture, string(network)),
		"sources.list": aptSource(mirror, suite, architecture),
		"status":       "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, fmt.Errorf("configure apt: %w", err)
		}
	}
	a := &apt{dir}
	if _, err := a.run(ctx, "", "apt-get", "--quiet=2", "update"); err != nil {
		return nil, err
	}
	return a, nil
}

// keyring is of the package debian-archive-keyring.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

func aptSource(mirror, suite, architecture string) string {
	return fmt.Sprintf("deb [arch=%s signed-by=%s] %s %s main\n", architecture, keyring, mirror, suite)
}

// aptConfig is an apt.conf(5). Of the machine's configuration it keeps only how to
// reach the network: its hooks would run for our updates too, and those of
// Debian's container images empty the machine's package cache, under an
// installation that may be going on.
func aptConfig(dir, architecture, network string) string {
	return network + fmt.Sprintf(`APT::Architecture "%[2]s";
APT::Architectures { "%[2]s"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::Retries "3";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::State "%[1]s";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s";
Dir::Cache::srcpkgcache "";
`, dir, architecture)
}

// run runs a command of apt's in a directory, and gives its output.
func (a *apt) run(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.dir, "apt.conf"), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%q: %w", args, withStderr(err))
	}
	return string(out), nil
}

// withStderr adds what a command has said to its exit status.
func withStderr(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}

// pkg is one version of a package.
type pkg struct {
	name, version string
	depends       string
}

// show finds the newest version of a package.
func (a *apt) show(ctx context.Context, name string) (pkg, error) {
	text, err := a.run(ctx, "", "apt-cache", "--no-all-versions", "show", name)
	if err != nil {
		return pkg{}, err
	}
	p := parsePackage(text)
	if p.name != name || p.version == "" {
		return pkg{}, fmt.Errorf("apt-cache show %s: want the package and its version, got %q", name, text)
	}
	return p, nil
}

// parsePackage takes what is needed from the first stanza of deb-control(5).
func parsePackage(stanza string) (p pkg) {
	stanza, _, _ = strings.Cut(stanza, "\n\n")
	for line := range strings.Lines(stanza) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Package":
			p.name = value
		case "Version":
			p.version = value
		case "Depends":
			p.depends = value
		}
	}
	return p
}

// kernelImage finds the package that has the kernel itself: the metapackage
// depends on the image of the newest version, which since Linux 7.0 depends on
// one more, linux-binary.
func (a *apt) kernelImage(ctx context.Context, metapackage string) (pkg, error) {
	p, err := a.show(ctx, metapackage)
	for err == nil {
		next, found := nextImage(p)
		if !found {
			break
		}
		p, err = a.show(ctx, next)
	}
	return p, err
}

// nextImage is the package among the dependencies of one in which the kernel is
// to be looked for; false: there is none, the kernel is in this one.
func nextImage(p pkg) (name string, found bool) {
	for dependency := range strings.SplitSeq(p.depends, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(dependency), " ")
		if strings.HasPrefix(name, "linux-image-") || strings.HasPrefix(name, "linux-binary-") {
			return name, true
		}
	}
	return "", false
}
