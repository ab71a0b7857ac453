// Auditor reads a log over HTTP as an outsider does, with golang.org/x/mod/sumdb alone:
//
//	auditor URL VERIFIER_KEY [OLDER_CHECKPOINT_FILE]
//
// It accepts only if the checkpoint is signed, every entry is included, and the tree goes on from the older checkpoint.
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// tiles fetches tiles; tlog.TileHashReader checks each against the signed root before it is used.
type tiles struct{ url string }

func (tiles) Height() int                     { return height }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		// C2SP leaves the height out of the path.
		data, err := get(t.url + "/" + strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: auditor URL VERIFIER_KEY [OLDER_CHECKPOINT_FILE]")
	}
	url, key := os.Args[1], os.Args[2]
	verifier, err := note.NewVerifier(key)
	check(err)
	signed, err := get(url + "/checkpoint")
	check(err)
	tree := open(signed, verifier)
	reader := tlog.TileHashReader(tree, tiles{url})
	for n, entry := range entries(url, tree.N) {
		proof, err := tlog.ProveRecord(tree.N, int64(n), reader)
		check(err)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, int64(n), tlog.RecordHash(entry)))
	}
	if len(os.Args) > 3 {
		file, err := os.ReadFile(os.Args[3])
		check(err)
		older := open(file, verifier)
		proof, err := tlog.ProveTree(tree.N, older.N, reader)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash))
		fmt.Printf("consistent with %d\n", older.N)
	}
	fmt.Printf("accepted %d entries, root %s\n", tree.N, tree.Hash)
}

func open(signed []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		log.Fatal("the checkpoint is of another log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

// entries reads all bundles of a log of the given size.
func entries(url string, size int64) [][]byte {
	var all [][]byte
	for n := int64(0); n*256 < size; n++ {
		tile := tlog.Tile{H: height, L: -1, N: n, W: 256}
		if size-n*256 < 256 {
			tile.W = int(size - n*256)
		}
		bundle, err := get(url + "/" + strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1))
		check(err)
		for len(bundle) >= 2 {
			length := int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < 2+length {
				log.Fatal("a bundle is cut short")
			}
			all = append(all, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
	}
	if int64(len(all)) != size {
		log.Fatalf("%d entries, not %d", len(all), size)
	}
	return all
}

func get(url string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		return nil, fmt.Errorf("%s answered %d", url, answer.StatusCode)
	}
	return io.ReadAll(answer.Body)
}

func check(err error) {
	if err != nil {
		log.Fatal("refused: ", err)
	}
}
