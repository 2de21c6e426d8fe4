package fakecloud

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// refusal is an error in the form of AWS.
type refusal struct {
	status        int
	code, message string
}

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func (f *refusal) write(w http.ResponseWriter) {
	writeXML(w, f.status, "ErrorResponse", map[string]string{"Error>Type": "Sender", "Error>Code": f.code, "Error>Message": f.message})
}

// sts answers the two actions of the security token service that matter here.
func (a *AWS) sts(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	form, formErr := url.ParseQuery(string(body))
	switch {
	case err != nil || formErr != nil || r.Method != http.MethodPost:
		refuse(http.StatusBadRequest, "MalformedInput", "a form must be posted").write(w)
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		refuse(http.StatusNotFound, "UnknownOperationException", "the content type is not that of a form").write(w)
	case form.Get("Version") != "2011-06-15":
		refuse(http.StatusBadRequest, "InvalidAction", "no such version").write(w)
	case form.Get("Action") == "GetCallerIdentity":
		a.callerIdentity(w, r, body)
	case form.Get("Action") == "AssumeRoleWithWebIdentity":
		a.assume(w, form)
	default:
		refuse(http.StatusBadRequest, "InvalidAction", "no such action").write(w)
	}
}

func (a *AWS) callerIdentity(w http.ResponseWriter, r *http.Request, body []byte) {
	key, problem := a.verify(r, body, time.Now())
	if problem != nil {
		problem.write(w)
		return
	}
	const result = "GetCallerIdentityResult>"
	writeXML(w, http.StatusOK, "GetCallerIdentityResponse", map[string]string{
		result + "Arn": key.ARN, result + "UserId": "AIDA" + key.ID, result + "Account": Account,
	})
}

// sessionLife is how long keys of an assumed role are valid: the default of AWS.
const sessionLife = time.Hour

func (a *AWS) assume(w http.ResponseWriter, form url.Values) {
	role, trusted := a.federated[form.Get("WebIdentityToken")]
	session := form.Get("RoleSessionName")
	switch {
	case !trusted:
		refuse(http.StatusBadRequest, "InvalidIdentityToken", "The web identity token that was passed could not be validated").write(w)
		return
	case role != form.Get("RoleArn"):
		refuse(http.StatusForbidden, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity").write(w)
		return
	case len(session) < 2 || len(session) > 64:
		refuse(http.StatusBadRequest, "ValidationError", "the role session name must have 2 to 64 characters").write(w)
		return
	}
	a.made++
	_, name, _ := strings.Cut(role, ":role/")
	k := Key{
		ID: fmt.Sprintf("ASIAFAKE%d", a.made), Secret: fmt.Sprintf("assumed-secret-%d", a.made), Session: fmt.Sprintf("assumed-session-%d", a.made),
		ARN: "arn:aws:sts::" + Account + ":assumed-role/" + name + "/" + session, Expires: time.Now().Add(sessionLife),
	}
	a.keys[k.ID] = k
	const result = "AssumeRoleWithWebIdentityResult>"
	writeXML(w, http.StatusOK, "AssumeRoleWithWebIdentityResponse", map[string]string{
		result + "Credentials>AccessKeyId": k.ID, result + "Credentials>SecretAccessKey": k.Secret,
		result + "Credentials>SessionToken": k.Session, result + "Credentials>Expiration": k.Expires.UTC().Format(time.RFC3339),
		result + "AssumedRoleUser>Arn": k.ARN,
	})
}

// element is a part of a document in XML.
type element struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []*element
}

// child finds a part by its name, or adds it.
func (e *element) child(name string) *element {
	for _, c := range e.Children {
		if c.XMLName.Local == name {
			return c
		}
	}
	c := &element{XMLName: xml.Name{Local: name}}
	e.Children = append(e.Children, c)
	return c
}

// writeXML answers with a document of texts, named by their way from the root.
func writeXML(w http.ResponseWriter, status int, root string, texts map[string]string) {
	document := &element{XMLName: xml.Name{Local: root, Space: "https://sts.amazonaws.com/doc/2011-06-15/"}}
	for way, text := range texts {
		at := document
		for name := range strings.SplitSeq(way, ">") {
			at = at.child(name)
		}
		at.Text = text
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(document)
}
