package procinfo

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPressureOfACgroup(t *testing.T) {
	mount := t.TempDir()
	dir := filepath.Join(mount, "a.slice")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rest := " avg60=0.00 avg300=0.00 total=1\nfull avg10=9.99 avg60=0.00 avg300=0.00 total=0\n"
	write("cpu.pressure", "some avg10=0.07"+rest)
	write("io.pressure", "some avg10=100.00"+rest)
	if p, ok := ReadPressure(mount, "/a.slice"); ok {
		t.Errorf("%+v without memory.pressure; want none", p)
	}
	write("memory.pressure", "some avg10=12.34"+rest)
	if p, ok := ReadPressure(mount, "/a.slice"); !ok || p != (Pressure{7, 10000, 1234}) {
		t.Errorf("%+v, %v", p, ok)
	}
	for _, cgroup := range []string{"", "a.slice", "/../a.slice", "cgroup-id:7", "/gone.slice"} {
		if p, ok := ReadPressure(mount, cgroup); ok {
			t.Errorf("%q: %+v; want none", cgroup, p)
		}
	}
	write("memory.pressure", "some avg10=x.yy")
	if p, ok := ReadPressure(mount, "/a.slice"); ok {
		t.Errorf("garbage gives %+v", p)
	}
}
