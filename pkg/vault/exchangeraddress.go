package vault

// Address returns the address of the server, which some ways to log in name in
// what they have signed.
func (e exchanger) Address() string { return e.client.Address() }
