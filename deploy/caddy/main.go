// Command caddy is Caddy with all its standard modules and the storage of this folder.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "tollgate/caddy/mongostorage"
)

func main() {
	caddycmd.Main()
}
