// Writes golden.json: what golang.org/x/mod/sumdb says of trees over the entries 0, 1, 2, … (8 bytes, big-endian).
// Run with Debian's golang-golang-x-mod-dev:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run testdata/log/golden.go > testdata/log/golden.json
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const largest = 70000

// The key of the example in the documentation of package note.
const skey = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"

type proof struct {
	Index int64    `json:"index"`
	Size  int64    `json:"size"`
	Proof []string `json:"proof"`
}

type tile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

type golden struct {
	Roots       map[int64]string `json:"roots"`
	Inclusion   []proof          `json:"inclusion"`
	Consistency []proof          `json:"consistency"`
	Tiles       []tile           `json:"tiles"`
	Checkpoint  string           `json:"checkpoint"`
}

var stored []tlog.Hash

var reader = tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, stored[i])
	}
	return out, nil
})

func main() {
	out := golden{Roots: map[int64]string{}}
	for i := int64(0); i < largest; i++ {
		var entry [8]byte
		binary.BigEndian.PutUint64(entry[:], uint64(i))
		hashes, err := tlog.StoredHashes(i, entry[:], reader)
		check(err)
		stored = append(stored, hashes...)
	}
	sizes := []int64{1, 2, 3, 7, 8, 255, 256, 257, 511, 65535, 65536, 65537, largest}
	for _, size := range sizes {
		root, err := tlog.TreeHash(size, reader)
		check(err)
		out.Roots[size] = hex.EncodeToString(root[:])
		for _, n := range sizes {
			if n > size {
				continue
			}
			included, err := tlog.ProveRecord(size, n-1, reader)
			check(err)
			out.Inclusion = append(out.Inclusion, proof{n - 1, size, hexes(included)})
			consistent, err := tlog.ProveTree(size, n, reader)
			check(err)
			out.Consistency = append(out.Consistency, proof{n, size, hexes(consistent)})
		}
	}
	for _, t := range tlog.NewTiles(8, 0, largest) {
		widest := int64(largest>>(8*t.L))-t.N*256 <= int64(t.W) || t.W == 256
		if !widest || t.L == 0 && t.W == 256 && t.N%50 != 0 {
			continue
		}
		data, err := tlog.ReadTileData(t, reader)
		check(err)
		sum := sha256.Sum256(data)
		// tlog names tiles tile/<height>/…; C2SP leaves the height out.
		out.Tiles = append(out.Tiles, tile{strings.Replace(t.Path(), "tile/8/", "tile/", 1), hex.EncodeToString(sum[:])})
	}
	root, err := tlog.TreeHash(largest, reader)
	check(err)
	signer, err := note.NewSigner(skey)
	check(err)
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("PeterNeumann\n%d\n%s\n", largest, root)}, signer)
	check(err)
	out.Checkpoint = string(signed)
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	check(encoder.Encode(out))
}

func hexes(hashes []tlog.Hash) []string {
	out := []string{}
	for _, h := range hashes {
		out = append(out, hex.EncodeToString(h[:]))
	}
	return out
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
