package procinfo

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// Pressure is how much of the last ten seconds some task of a cgroup had to
// wait for a resource, in hundredths of a percent: "some avg10" of its files
// cpu.pressure, io.pressure and memory.pressure
// (Documentation/accounting/psi.rst).
type Pressure struct{ CPU, IO, Memory uint32 }

// ReadPressure reads that of a cgroup by its path below the mount point. False:
// the cgroup is gone, or the kernel does not keep it (psi=0).
func ReadPressure(mount, cgroup string) (p Pressure, ok bool) {
	if !strings.HasPrefix(cgroup, "/") || path.Clean(cgroup) != cgroup {
		return p, false
	}
	dir := path.Join(mount, cgroup)
	if cgroup == "/" {
		dir = "/proc/pressure" // the root has none of its own
	}
	for _, resource := range []struct {
		name string
		to   *uint32
	}{{"cpu", &p.CPU}, {"io", &p.IO}, {"memory", &p.Memory}} {
		file := path.Join(dir, resource.name+".pressure")
		if cgroup == "/" {
			file = path.Join(dir, resource.name)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return Pressure{}, false
		}
		if *resource.to, ok = someAvg10(string(text)); !ok {
			return Pressure{}, false
		}
	}
	return p, true
}

// someAvg10 reads "some avg10=1.23 avg60=..." as 123.
func someAvg10(text string) (hundredths uint32, ok bool) {
	rest, ok := strings.CutPrefix(text, "some avg10=")
	if !ok {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, " ")
	whole, fraction, ok := strings.Cut(number, ".")
	if !ok || len(fraction) != 2 {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+fraction, 10, 32)
	return uint32(n), err == nil
}
