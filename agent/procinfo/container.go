package procinfo

import "strings"

// scopes are the cgroups that runtimes make: a prefix, the container's id, and
// ".scope" where systemd makes the cgroup for them.
var scopes = []struct{ prefix, runtime string }{
	{"docker-", "docker"},
	{"cri-containerd-", "containerd"},
	{"nerdctl-", "containerd"},
	{"crio-", "cri-o"},
	{"libpod-", "podman"},
}

// containerOf finds the innermost container that a cgroup path goes through.
func containerOf(elements []string) (id, runtime string) {
	for i, e := range elements {
		var parent string
		if i > 0 {
			parent = elements[i-1]
		}
		if in, by := container(e, parent); in != "" {
			id, runtime = in, by
		}
	}
	return id, runtime
}

// container tells whether one element of a path is that of a container.
func container(element, parent string) (id, runtime string) {
	name, isScope := strings.CutSuffix(element, ".scope")
	for _, s := range scopes {
		// crio-conmon-ID and libpod-conmon-ID hold the monitor, not the container.
		if id, ok := strings.CutPrefix(name, s.prefix); ok && isHexID(id) {
			return id, s.runtime
		}
	}
	// containerd with runc's systemd driver misconfigured: SLICE:cri-containerd:ID
	if _, rest, ok := strings.Cut(element, ":cri-containerd:"); ok && isHexID(rest) {
		return rest, "containerd"
	}
	if isHexID(element) {
		return element, runtimeOfParent(parent)
	}
	if isScope {
		return machine(name)
	}
	return named(element, parent)
}

// runtimeOfParent knows the fixed cgroups that runtimes without systemd use;
// below /kubepods/.../podUID it may be any.
func runtimeOfParent(parent string) string {
	switch parent {
	case "docker":
		return "docker"
	case "libpod_parent":
		return "podman"
	}
	return ""
}

// machine reads the scope that systemd-machined makes for a container. Virtual
// machines have one as well.
func machine(scope string) (id, runtime string) {
	name, ok := strings.CutPrefix(scope, "machine-")
	switch {
	case !ok, name == "", strings.HasPrefix(name, `qemu\x2d`):
		return "", ""
	case strings.HasPrefix(name, `lxc\x2d`):
		return unescapeUnit(name), "lxc" // libvirt's
	}
	return unescapeUnit(name), "systemd-nspawn"
}

// named knows the containers that have names instead of ids.
func named(element, parent string) (id, runtime string) {
	if name, ok := strings.CutPrefix(element, "systemd-nspawn@"); ok {
		if name, ok = strings.CutSuffix(name, ".service"); ok && name != "" {
			return unescapeUnit(name), "systemd-nspawn"
		}
	}
	if name, ok := strings.CutPrefix(element, "lxc.payload."); ok {
		return name, "lxc"
	}
	if parent == "lxc" || parent == "lxc.payload" {
		return element, "lxc"
	}
	return "", ""
}

// isHexID says whether a text is a full container id: 64 lower case hex digits.
func isHexID(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// unescapeUnit turns the \xNN of a unit name into the bytes that they stand for,
// see systemd-escape(1); what is not an escape stays.
func unescapeUnit(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if i+4 <= len(name) && name[i] == '\\' && name[i+1] == 'x' {
			hi, lo := hexDigit(name[i+2]), hexDigit(name[i+3])
			if hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 3
				continue
			}
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

func hexDigit(c byte) int {
	return strings.IndexByte("0123456789abcdef", c)
}
