package record

import (
	"fmt"
	"math"
	"strconv"
)

// Pressure is the pressure stall information of a cgroup, or of the whole host:
// how much of the last ten seconds at least one of its tasks had to wait for the
// resource ("some avg10" of cpu.pressure, io.pressure and memory.pressure).
type Pressure struct {
	Stall
	Host *Stall `json:"host,omitzero"` // beside that of a cgroup
}

// Stall is the pressure of one of them.
type Stall struct {
	CPU    Percent `json:"cpu"`
	IO     Percent `json:"io"`
	Memory Percent `json:"memory"`
}

// Percent is a share in hundredths of a percent, exactly as the kernel prints
// it. Not a float: encoding one can fail.
type Percent uint32

// MarshalJSON writes a number: 12.34.
func (p Percent) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalJSON reads it back.
func (p *Percent) UnmarshalJSON(text []byte) error {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f < 0 || f > math.MaxUint32/100 {
		return fmt.Errorf("%q is no percentage", text)
	}
	*p = Percent(math.Round(f * 100))
	return nil
}

// String is the number without a sign for percent.
func (p Percent) String() string { return strconv.FormatFloat(float64(p)/100, 'f', -1, 64) }

// high is the pressure from which a sentence speaks of it.
const high Percent = 1000
