// Package chart makes of the commented values file of the Helm chart its schema,
// its README and the page docs/values.md.
//
// [Read] takes the values and the list of old spellings apart; [Values.Schema] and
// [Values.Table] are what is made of them. Tests compare that with the files of the
// chart; `make chart` writes them anew.
package chart
