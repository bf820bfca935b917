package bpftest

import (
	"bufio"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// CallTable is a table of the kernel: for each number the names of the function that
// its calls enter, all that this function has.
type CallTable [][]string

// callTables are the tables that have a symbol.
var callTables = []string{"sys_call_table", "compat_sys_call_table"}

// ReadCallTables reads those that the running kernel has, by symbol. It needs
// CAP_SYSLOG for the addresses and CAP_SYS_RAWIO for the memory, which
// DropCapabilities takes away.
func ReadCallTables() (map[string]CallTable, error) {
	addresses, names, err := readSymbols()
	if err != nil {
		return nil, err
	}
	memory, err := elf.Open("/proc/kcore")
	if err != nil {
		return nil, fmt.Errorf("open the kernel's memory: %w", err)
	}
	defer memory.Close()
	tables := map[string]CallTable{}
	for _, symbol := range callTables {
		if address := addresses[symbol]; address != 0 {
			if tables[symbol], err = readTable(memory, address, names); err != nil {
				return nil, fmt.Errorf("read %s: %w", symbol, err)
			}
		}
	}
	return tables, nil
}

// readSymbols gives the addresses of the tables, and the names at each address.
func readSymbols() (addresses map[string]uint64, names map[uint64][]string, err error) {
	symbols, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, nil, err
	}
	defer symbols.Close()
	addresses, names = map[string]uint64{}, map[uint64][]string{}
	lines := bufio.NewScanner(symbols)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		address, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil {
			return nil, nil, fmt.Errorf("read /proc/kallsyms: %w", err)
		}
		addresses[fields[2]] = address
		names[address] = append(names[address], fields[2])
	}
	return addresses, names, lines.Err()
}

// numbers are as many as all kernels have.
const numbers = 450

func readTable(memory *elf.File, address uint64, names map[uint64][]string) (table CallTable, err error) {
	var entries [numbers]uint64
	for _, part := range memory.Progs {
		if part.Type == elf.PT_LOAD && address >= part.Vaddr && address-part.Vaddr+8*numbers <= part.Memsz {
			bytes := make([]byte, 8*numbers)
			if _, err := part.ReadAt(bytes, int64(address-part.Vaddr)); err != nil {
				return nil, err
			}
			for i := range entries {
				entries[i] = binary.LittleEndian.Uint64(bytes[8*i:])
			}
			for _, entry := range entries {
				table = append(table, names[entry])
			}
			return table, nil
		}
	}
	return nil, fmt.Errorf("no part of /proc/kcore has address %#x", address)
}
