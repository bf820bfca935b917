package dbusapi

import (
	"encoding/xml"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// What the XML file says.
type (
	xmlNode struct {
		Interfaces []xmlInterface `xml:"interface"`
		Nodes      []xmlNode      `xml:"node"`
		Name       string         `xml:"name,attr"`
	}
	xmlInterface struct {
		Name       string        `xml:"name,attr"`
		Methods    []xmlMethod   `xml:"method"`
		Signals    []xmlMethod   `xml:"signal"`
		Properties []xmlProperty `xml:"property"`
	}
	xmlMethod struct {
		Name string `xml:"name,attr"`
		Args []struct {
			Name      string `xml:"name,attr"`
			Type      string `xml:"type,attr"`
			Direction string `xml:"direction,attr"`
		} `xml:"arg"`
	}
	xmlProperty struct {
		Name        string `xml:"name,attr"`
		Type        string `xml:"type,attr"`
		Access      string `xml:"access,attr"`
		Annotations []struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"annotation"`
	}
)

// args gives a method's arguments of one direction.
func (m xmlMethod) args(direction string) []arg {
	var out []arg
	for _, a := range m.Args {
		if a.Direction == direction {
			out = append(out, arg{a.Name, a.Type})
		}
	}
	return out
}

// contract parses the XML file; strictly, by way of an unknown token's error.
func contract(t *testing.T) map[string]xmlInterface {
	t.Helper()
	return parseNode(t, Contract())
}

func parseNode(t *testing.T, text string) map[string]xmlInterface {
	t.Helper()
	var node xmlNode
	if err := xml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatalf("parse introspection XML: %v", err)
	}
	ifaces := map[string]xmlInterface{}
	for _, i := range node.Interfaces {
		ifaces[i.Name] = i
	}
	return ifaces
}

// servedObject is one object with its contract.
type servedObject struct {
	xml   map[string]xmlInterface
	code  interfaces // under the names that callers use
	text  string
	props map[string][]property
}

func servedObjects(t *testing.T) map[dbus.ObjectPath]servedObject {
	t.Helper()
	objects := map[dbus.ObjectPath]servedObject{
		ObjectPath:     {text: Contract(), props: map[string][]property{Interface: managerProperties()}},
		logControlPath: {text: logControlXML, props: map[string][]property{logControlInterface: logControlProperties()}},
	}
	for path, o := range objects {
		o.xml = parseNode(t, o.text)
		o.code = maps.Clone(newObjects(nil).byPath[path])
		o.code[peerInterface] = o.code[ourPeer]
		delete(o.code, ourPeer)
		objects[path] = o
	}
	return objects
}

func TestContractHasTheInterfacesThatAreServed(t *testing.T) {
	for path, o := range servedObjects(t) {
		want := slices.Sorted(maps.Keys(o.xml))
		got := slices.Sorted(maps.Keys(o.code))
		if !slices.Equal(got, want) {
			t.Errorf("interfaces of %s:\n got %q\nwant %q", path, got, want)
		}
	}
}

func TestContractMethodsEqualTheMethodTables(t *testing.T) {
	for _, o := range servedObjects(t) {
		methodsEqual(t, o)
	}
}

func methodsEqual(t *testing.T, o servedObject) {
	t.Helper()
	for name, iface := range o.xml {
		table := o.code[name]
		for _, m := range iface.Methods {
			code, ok := table[m.Name]
			if !ok {
				t.Errorf("%s.%s is in the XML and not in the code", name, m.Name)
				continue
			}
			if !slices.Equal(code.in, m.args("in")) || !slices.Equal(code.out, m.args("out")) {
				t.Errorf("%s.%s: code takes %v and returns %v, XML says %v and %v",
					name, m.Name, code.in, code.out, m.args("in"), m.args("out"))
			}
			if len(m.Args) != len(code.in)+len(code.out) {
				t.Errorf("%s.%s: an argument in the XML has no direction", name, m.Name)
			}
			if code.run == nil {
				t.Errorf("%s.%s does nothing", name, m.Name)
			}
		}
		for method := range table {
			if !slices.ContainsFunc(iface.Methods, func(m xmlMethod) bool { return m.Name == method }) {
				t.Errorf("%s.%s is in the code and not in the XML", name, method)
			}
		}
	}
}

func TestContractPropertiesEqualThePropertyTable(t *testing.T) {
	for _, o := range servedObjects(t) {
		for name, iface := range o.xml {
			propertiesEqual(t, iface, o.props[name])
		}
	}
}

func propertiesEqual(t *testing.T, iface xmlInterface, code []property) {
	t.Helper()
	if len(iface.Properties) != len(code) {
		t.Fatalf("%s: %d properties in the XML, %d in the code", iface.Name, len(iface.Properties), len(code))
	}
	for i, p := range iface.Properties {
		if len(p.Annotations) != 1 || p.Annotations[0].Name != "org.freedesktop.DBus.Property.EmitsChangedSignal" {
			t.Fatalf("property %s: annotations %v, want EmitsChangedSignal alone", p.Name, p.Annotations)
		}
		access := "read"
		if code[i].set != nil {
			access = "readwrite"
		}
		got := []string{code[i].name, code[i].sig, access, code[i].emits}
		if want := []string{p.Name, p.Type, p.Access, p.Annotations[0].Value}; !slices.Equal(got, want) {
			t.Errorf("%s: the code has %q, the XML %q", iface.Name, got, want)
		}
	}
}

// Method names are looked up without an interface too, so they must not collide.
func TestMethodNamesAreUniqueInTheObject(t *testing.T) {
	for _, o := range servedObjects(t) {
		seen := map[string]string{}
		for iface, ms := range o.code {
			for name := range ms {
				if other, ok := seen[name]; ok {
					t.Errorf("%s is in %s and in %s", name, iface, other)
				}
				seen[name] = iface
			}
		}
	}
}

func TestContractDocumentsEveryMethodPropertyAndArgument(t *testing.T) {
	iface := contract(t)[Interface]
	for _, p := range iface.Properties {
		if !strings.Contains(Contract(), "<!-- "+p.Name+": ") {
			t.Errorf("property %s has no doc comment", p.Name)
		}
	}
	for _, m := range iface.Methods {
		_, after, ok := strings.Cut(Contract(), "<!-- "+m.Name+": ")
		if !ok {
			t.Errorf("method %s has no doc comment", m.Name)
			continue
		}
		doc, _, _ := strings.Cut(after, "-->")
		for _, a := range m.Args {
			if !strings.Contains(doc, "@"+a.Name+":") {
				t.Errorf("method %s: argument %s is not documented", m.Name, a.Name)
			}
		}
	}
}

func TestContractNamesEveryErrorThatTheServiceSends(t *testing.T) {
	for _, e := range errorNames {
		if strings.HasPrefix(e.name, ownError) && !strings.Contains(Contract(), e.name) {
			t.Errorf("%s is not in the contract", e.name)
		}
	}
}
