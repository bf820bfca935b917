package cost

// Shares are what we take of all CPUs, 0 to 1, by where it goes.
type Shares struct {
	Kernel    float64 // our programs, in the calls and switches of others
	Summaries float64 // our own process: what only steps with summaries have
	Rest      float64 // our own process: all else
}

// Own is what our process takes.
func (s Shares) Own() float64 { return s.Summaries + s.Rest }

// Sum is all of it.
func (s Shares) Sum() float64 { return s.Kernel + s.Own() }
