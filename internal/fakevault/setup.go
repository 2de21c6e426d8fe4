package fakevault

import (
	"fmt"
	"strings"
	"time"
)

// enable mounts an engine. A mount that exists is an error of the test.
func (s *Server) enable(path, kind string, options map[string]string, e engine) {
	s.locked(func(time.Time) {
		prefix, bare := "", strings.Trim(path, "/")+"/"
		if rest, ok := strings.CutPrefix(bare, "auth/"); ok {
			prefix, bare = "auth/", rest
		}
		ns, rel := s.locate("", bare)
		if other := ns.conflict(prefix + rel); other != "" {
			panic(fmt.Sprintf("fakevault: mount %s: path is already in use at %s", path, other))
		}
		ns.add(prefix+rel, kind, options, e)
	})
}

// at calls f with the engine of type E at a mount, which must be there.
func at[E engine](s *Server, path string, f func(e E, now time.Time)) {
	s.locked(func(now time.Time) {
		prefix, bare := "", strings.Trim(path, "/")+"/"
		if rest, ok := strings.CutPrefix(bare, "auth/"); ok {
			prefix, bare = "auth/", rest
		}
		ns, rel := s.locate("", bare)
		m := ns.mounts[prefix+rel]
		if m == nil {
			panic(fmt.Sprintf("fakevault: nothing is mounted at %s", path))
		}
		e, ok := m.engine.(E)
		if !ok {
			panic(fmt.Sprintf("fakevault: the mount at %s is of type %s", path, m.kind))
		}
		f(e, now)
	})
}

// EnableKV mounts a key-value engine of version 1 or 2.
func (s *Server) EnableKV(mount string, version int) {
	options := map[string]string{"version": fmt.Sprint(version)}
	s.enable(mount, "kv", options, newKV(options))
}

// PutKV writes a secret; with version 2 it becomes the newest version. The path is
// the one without data/.
func (s *Server) PutKV(mount, path string, data map[string]any) {
	data = plain(data)
	at(s, mount, func(e engine, now time.Time) {
		switch e := e.(type) {
		case *kv1Engine:
			e.put(path, data)
		case *kv2Engine:
			e.put(path, data, now)
		default:
			panic(fmt.Sprintf("fakevault: the mount at %s is no key-value engine", mount))
		}
	})
}

// DeleteKV deletes a secret; with version 2 its newest version is marked deleted.
func (s *Server) DeleteKV(mount, path string) {
	at(s, mount, func(e engine, now time.Time) {
		switch e := e.(type) {
		case *kv1Engine:
			delete(e.secrets, path)
		case *kv2Engine:
			if secret := e.secrets[path]; secret != nil {
				secret.lastOp = "delete"
				secret.delete(len(secret.versions), now)
			}
		}
	})
}

// EnableDatabase mounts a database engine.
func (s *Server) EnableDatabase(mount string) {
	s.enable(mount, "database", map[string]string{}, newDatabase())
}

// DynamicRole makes a role whose creds/NAME gives a new user with a renewable
// lease; 0 stands for the system's TTLs.
func (s *Server) DynamicRole(mount, name string, ttl, maxTTL time.Duration) {
	at(s, mount, func(e *databaseEngine, _ time.Time) {
		e.roles[name] = databaseRole{terms: terms{ttl: ttl, maxTTL: maxTTL}}
	})
}

// StaticRole makes a role whose static-creds/NAME gives the user NAME with a
// password that rotates each rotationPeriod from now on.
func (s *Server) StaticRole(mount, name string, rotationPeriod time.Duration) {
	at(s, mount, func(e *databaseEngine, now time.Time) {
		r := &staticRole{username: name, period: rotationPeriod}
		r.rotate(now)
		e.statics[name] = r
	})
}

// EnablePKI mounts a PKI engine. Its CA is made when it is first needed.
func (s *Server) EnablePKI(mount string) { s.enable(mount, "pki", map[string]string{}, newPKI()) }

// PKIRole makes a role that issues certificates for any name, for maxTTL unless a
// request asks for less.
func (s *Server) PKIRole(mount, role string, maxTTL time.Duration) {
	at(s, mount, func(e *pkiEngine, _ time.Time) { e.roles[role] = pkiRole{anyName: true, ttl: maxTTL, maxTTL: maxTTL} })
}
