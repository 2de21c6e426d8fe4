// Package events hears from Vault what has changed, as it happens.
//
// Vault Enterprise tells of changes over a websocket. [Listen] opens one and hands
// each [Event] over until the connection ends; to come back after that, and to read
// again what may have been missed, is for the caller.
//
// Most callers need two functions: Listen and [Event.Concerns].
package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Upgrader opens websockets with a token; vault.Session is one.
type Upgrader interface {
	Upgrade(ctx context.Context, r vault.Request, dial vault.Dial) error
}

// Event is one change.
type Event struct {
	Type      string // "kv-v2/data-write", "database/rotate"
	Namespace string // of Vault, without slashes around it; "" for the root
	Mount     string // path of the engine, without slashes around it; "" where Vault does not tell
	Path      string // of the request that made the change
	DataPath  string // that reads what has changed; "" where Vault does not tell
	Name      string // of the role that it is about; "" for none
	Modified  bool   // something did change
	Index     string // of the storage after the change, for the header X-Vault-Index; "" where Vault does not tell
}

const (
	// mostOfEvent bounds one message. They have a few hundred bytes.
	mostOfEvent = 1 << 20
	// pingEvery finds out that the other side is gone: within that and pingTimeout.
	pingEvery   = 30 * time.Second
	pingTimeout = 10 * time.Second
)

// Listen subscribes to the events whose type matches a pattern, such as "kv*". It
// calls opened once the subscription stands, and each for every event; neither must
// block for long. It returns when ctx ends or the connection does, with an error in
// any case; that of a refused subscription is of type *vault.Error.
func Listen(ctx context.Context, via Upgrader, pattern string, opened func(), each func(Event)) error {
	var connection *websocket.Conn
	request := vault.Request{Method: http.MethodGet, Path: "sys/events/subscribe/" + pattern, Query: url.Values{"json": {"true"}}}
	err := via.Upgrade(ctx, request, func(ctx context.Context, via *http.Client, address string, headers http.Header) (*http.Response, error) {
		c, answer, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: via, HTTPHeader: headers})
		connection = c
		return answer, err
	})
	if err != nil {
		return err
	}
	defer func() { _ = connection.CloseNow() }()
	connection.SetReadLimit(mostOfEvent)
	opened()
	return hear(ctx, connection, each)
}

// hear reads events while the other side answers pings.
func hear(ctx context.Context, c *websocket.Conn, each func(Event)) error {
	ctx, end := context.WithCancelCause(ctx)
	pinging := make(chan struct{})
	go func() {
		defer close(pinging)
		end(ping(ctx, c))
	}()
	err := receive(ctx, c, each)
	end(err)
	<-pinging
	return fmt.Errorf("events of Vault: %w", context.Cause(ctx))
}

func receive(ctx context.Context, c *websocket.Conn, each func(Event)) error {
	for {
		_, message, err := c.Read(ctx)
		if err != nil {
			return err
		}
		// What cannot be read is of a kind that we do not know.
		if event, err := Parse(message); err == nil {
			each(event)
		}
	}
}

func ping(ctx context.Context, c *websocket.Conn) error {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		within, done := context.WithTimeout(ctx, pingTimeout)
		err := c.Ping(within)
		done()
		if err != nil {
			return fmt.Errorf("no answer to a ping: %w", err)
		}
	}
}

// message is an event as Vault sends it; the names are those of its API.
type message struct {
	Data struct {
		Event struct {
			Metadata map[string]any `json:"metadata"`
		} `json:"event"`
		EventType  string `json:"event_type"`
		Namespace  string `json:"namespace"`
		PluginInfo struct {
			MountPath string `json:"mount_path"`
		} `json:"plugin_info"`
	} `json:"data"`
}

// Parse reads a message.
func Parse(content []byte) (Event, error) {
	var m message
	if err := json.Unmarshal(content, &m); err != nil {
		return Event{}, errors.New("the message is not an event in JSON")
	}
	if m.Data.EventType == "" {
		return Event{}, errors.New("the message has no event_type")
	}
	metadata := func(name string) string { text, _ := m.Data.Event.Metadata[name].(string); return text }
	modified, _ := m.Data.Event.Metadata["modified"].(bool)
	return Event{
		Type: m.Data.EventType, Namespace: strings.Trim(m.Data.Namespace, "/"), Mount: strings.Trim(m.Data.PluginInfo.MountPath, "/"),
		Path: strings.Trim(metadata("path"), "/"), DataPath: strings.Trim(metadata("data_path"), "/"), Name: metadata("name"),
		Modified: modified || metadata("modified") == "true", Index: metadata("vault_index"),
	}, nil
}

// Concerns tells whether an event changes what is read at a path, which is complete
// (with data/ for KV version 2), in a Vault namespace. New credentials are no change
// of those that were given before.
func (e Event) Concerns(namespace, path string) bool {
	if !e.Modified || e.Namespace != strings.Trim(namespace, "/") || strings.HasSuffix(e.Type, "/creds-create") {
		return false
	}
	path = strings.Trim(path, "/")
	if path == e.Path || path == e.DataPath {
		return path != ""
	}
	if e.version2() {
		return e.logical() == path
	}
	return e.role(path)
}

// version2 tells whether the event is of a KV engine of version 2.
func (e Event) version2() bool { return strings.HasPrefix(e.Type, "kv-v2/") }

// logical is the path that reads what an operation on metadata or versions changed:
// MOUNT/undelete/NAME is about MOUNT/data/NAME.
func (e Event) logical() string {
	rest, ok := strings.CutPrefix(e.Path, e.Mount+"/")
	operation, name, deeper := strings.Cut(rest, "/")
	if !ok || !deeper || !slices.Contains([]string{"undelete", "delete", "destroy", "metadata"}, operation) {
		return ""
	}
	return e.Mount + "/data/" + name
}

// role tells whether the event is about the role that a path of its engine ends with.
func (e Event) role(path string) bool {
	rest, ok := strings.CutPrefix(path, e.Mount+"/")
	return ok && e.Mount != "" && e.Name != "" && rest[strings.LastIndexByte(rest, '/')+1:] == e.Name
}
