package kernels

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// debianMirror is Debian's own.
const debianMirror = "http://deb.debian.org/debian"

// hostMirror is the mirror from which this machine's Debian comes, or Debian's
// own: a machine behind a proxy may reach no other than its own.
func hostMirror(ctx context.Context) (string, error) {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", fmt.Errorf("find out the distribution: %w", err)
	}
	codename, isDebian := debianCodename(string(text))
	if !isDebian {
		return debianMirror, nil
	}
	// What the sources say, without the lists, which may have been deleted.
	cmd := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)",
		"Created-By: Packages")
	targets, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("list the sources of apt: %w", withStderr(err))
	}
	return mirrorOf(codename, string(targets)), nil
}

// debianCodename reads os-release(5); false: another distribution than Debian.
func debianCodename(osRelease string) (codename string, isDebian bool) {
	for line := range strings.Lines(osRelease) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			isDebian = value == "debian"
		case "VERSION_CODENAME":
			codename = value
		}
	}
	return codename, isDebian
}

// mirrorOf picks from lines of "release component URI" the first that has the
// distribution itself: not its updates, which are an archive of their own for
// security, and not somebody else's repository.
func mirrorOf(codename, targets string) string {
	for line := range strings.Lines(targets) {
		fields := strings.Fields(line)
		if len(fields) == 3 && (fields[0] == codename || fields[0] == "stable") && fields[1] == "main" {
			return strings.TrimSuffix(fields[2], "/")
		}
	}
	return debianMirror
}
