package syscalls

import "strings"

// maxSuggestLength bounds the words that are worth comparing: no name is longer,
// and the cost grows with the square.
const maxSuggestLength = 40

// Suggest gives the word of known that bad was most likely meant to be, or ""
// when none is near: a third of its letters off at most, but one in a short word
// and two in one of four letters or more are always allowed. Case and the prefixes that tracers show (sys_, __x64_sys_) do not count.
func Suggest(bad string, known []string) string {
	if len(bad) > maxSuggestLength {
		return ""
	}
	word := strings.ToLower(strings.TrimSpace(bad))
	for _, prefix := range []string{"__x64_", "__ia32_", "__arm64_", "__se_", "sys_"} {
		word = strings.TrimPrefix(word, prefix)
	}
	allowed := max(1, len(word)/3)
	if len(word) >= 4 {
		allowed = max(2, allowed)
	}
	best := ""
	for _, k := range known {
		if d := distance(word, k); d <= allowed {
			best, allowed = k, d-1
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes, with two neighbours that changed places as
// one mistake: insertions, deletions, replacements and exchanges that turn a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
