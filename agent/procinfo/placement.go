package procinfo

import (
	"path"
	"strings"
)

// Placement says where a process runs, as far as the path of its cgroup tells.
// What does not apply is empty.
type Placement struct {
	Unit        string // of the system manager: service, scope, ...
	UserUnit    string // of a user's manager, when Unit is user@UID.service
	Slice       string // that Unit is in: "system.slice", "system-getty.slice"
	ContainerID string // of the innermost container
	Runtime     string // of that container; empty when its path does not tell
	PodUID      string // of the innermost Kubernetes pod
}

// Unit reads a cgroup v2 path, "/system.slice/foo.service/payload". The rules
// are those of systemd's cg_path_get_unit and cg_path_get_user_unit
// (src/basic/cgroup-util.c): slices come first, then a unit; below that the unit
// may do as it likes.
func Unit(cgroup string) Placement {
	elements := split(cgroup)
	unit, rest, slice := unitOf(elements)
	p := Placement{Unit: unit, Slice: slice}
	if isUserManager(unit) {
		p.UserUnit, _, _ = unitOf(rest)
	}
	p.ContainerID, p.Runtime = containerOf(elements)
	p.PodUID = podOf(elements)
	return p
}

// Units names the system manager's unit of a cgroup v2 path and the slices around it,
// from the outside in, with spaces between them. A user's own units are not among them:
// users give them any name, that of a system unit too.
func Units(cgroup string) string {
	elements := split(cgroup)
	known := 0
	for known < len(elements) && isUnit(elements[known], ".slice") {
		known++
	}
	if known < len(elements) && isUnit(elements[known], unitTypes...) {
		known++
	}
	return strings.Join(elements[:known], " ")
}

// split gives the elements of a path, unescaped.
func split(cgroup string) []string {
	var elements []string
	for _, e := range strings.Split(cgroup, "/") {
		if e != "" && e != "." {
			elements = append(elements, unescape(e))
		}
	}
	return elements
}

// unescape undoes cg_escape: systemd puts "_" before names that would collide
// with the files of a cgroup ("cpu.service" with the controller cpu). The \x2d
// of unit names is part of the name.
func unescape(element string) string {
	return strings.TrimPrefix(element, "_")
}

// unitOf skips the slices at the beginning and gives the unit after them, what
// is below it, and the last slice.
func unitOf(elements []string) (unit string, rest []string, slice string) {
	for len(elements) > 0 && isUnit(elements[0], ".slice") {
		slice, elements = elements[0], elements[1:]
	}
	if len(elements) == 0 || !isUnit(elements[0], unitTypes...) {
		return "", nil, slice
	}
	if slice == "" {
		slice = "-.slice" // the root slice has no cgroup of its own
	}
	return elements[0], elements[1:], slice
}

// unitTypes are the types of units that have processes, slices excepted.
var unitTypes = []string{".service", ".scope", ".socket", ".mount", ".swap"}

// isUnit says whether a name is a valid unit name (unit_name_is_valid) with one
// of these types.
func isUnit(name string, types ...string) bool {
	const longest = 255
	if len(name) > longest {
		return false
	}
	for _, t := range types {
		if prefix, ok := strings.CutSuffix(name, t); ok {
			return prefix != "" && prefix[0] != '@' && strings.Trim(prefix, unitChars) == ""
		}
	}
	return false
}

const unitChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"

// isUserManager says whether a unit is the manager of a user's units.
func isUserManager(unit string) bool {
	ok, _ := path.Match("user@[0-9]*.service", unit)
	return ok
}
