package policy

// bitset is a set of rules by their index.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (s bitset) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s bitset) has(i int) bool { return s == nil || s[i/64]>>(i%64)&1 == 1 }

// and narrows one word of a set; a nil set is that of all.
func (s bitset) and(word int, bits uint64) uint64 {
	if s == nil {
		return bits
	}
	return s[word] & bits
}
