// Checker checks a proof bundle as docs/formats/bundle.md says, with golang.org/x/mod/sumdb and nothing of this repository:
//
//	checker VERIFIER_KEY FILE
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type header struct {
	Account    string `json:"account_id"`
	Project    string `json:"project_id"`
	Stream     string `json:"stream"`
	Seq        uint64 `json:"seq"`
	ID         string `json:"event_id"`
	Type       string `json:"type"`
	Version    uint64 `json:"version"`
	Dek        string `json:"dek_id"`
	At         uint64 `json:"at"`
	Actor      string `json:"actor"`
	Commitment []byte `json:"commitment"`
	Command    string `json:"command_id"`
	N          uint64 `json:"n"`
	MAC        []byte `json:"command_mac"`
}

type record struct {
	Format     string `json:"format"`
	Project    string `json:"project_id"`
	From       int64  `json:"from"`
	Checkpoint *struct {
		Note        string   `json:"note"`
		Consistency [][]byte `json:"consistency"`
	} `json:"checkpoint"`
	Event *struct {
		Index     int64    `json:"index"`
		Header    header   `json:"header"`
		Envelope  []byte   `json:"envelope"`
		Previous  []byte   `json:"previous"`
		Proof     [][]byte `json:"proof"`
		Disclosed *struct {
			Salt    []byte `json:"salt"`
			Payload string `json:"payload"`
		} `json:"disclosed"`
	} `json:"event"`
	End *struct {
		Note string `json:"note"`
	} `json:"end"`
}

func main() {
	log.SetFlags(0)
	verifier, err := note.NewVerifier(os.Args[1])
	check(err)
	var tree tlog.Tree
	var stream string
	var seq uint64
	var chain []byte
	var head record
	elsewhere, foreign := false, 0
	events, disclosed := 0, 0
	digest := sha256.New()
	file, err := os.Open(os.Args[2])
	check(err)
	in := bufio.NewReader(file)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			log.Fatal("refused: there is no end")
		}
		check(err)
		if line[0] == '#' {
			digest.Write(line)
			continue
		}
		var r record
		check(json.Unmarshal(line, &r))
		switch {
		case r.Format != "":
			must(r.Format == "stewrd/bundle/v1" || r.Format == "stewrd/bundle/v2", "the format is not known")
			head = r
		case r.End != nil:
			text := open(r.End.Note, verifier)
			said := strings.Split(text, "\n")
			sum := base64.StdEncoding.EncodeToString(digest.Sum(nil))
			must(said[0] == "stewrd/bundle/v1" && said[1] == strconv.Itoa(events) && said[2] == sum, "the seal is wrong")
			_, err := in.ReadByte()
			must(err == io.EOF, "something follows the end")
			if foreign > 0 {
				fmt.Printf("%d in a stream of another project than their own\n", foreign)
			}
			fmt.Printf("accepted %d events, %d disclosed, of %d entries\n", events, disclosed, tree.N)
			return
		case r.Checkpoint != nil:
			next := parseTree(open(r.Checkpoint.Note, verifier), verifier.Name())
			if tree.N > 0 {
				check(tlog.CheckTree(hashes(r.Checkpoint.Consistency), next.N, next.Hash, tree.N, tree.Hash))
			}
			tree = next
		case r.Event != nil:
			e := r.Event
			other := e.Header.Project != head.Project
			must(!other || head.Format == "stewrd/bundle/v2" && e.Disclosed == nil, "an event is of another project")
			if e.Header.Stream == stream && elsewhere {
				must(!other && e.Header.Seq > seq, "event %d of %s may not stand here", e.Header.Seq, stream)
				must(e.Header.Seq != seq+1 || bytes.Equal(e.Previous, chain), "event %d of %s does not follow", e.Header.Seq, stream)
				foreign++
			} else if e.Header.Stream == stream {
				must(e.Header.Seq == seq+1 && bytes.Equal(e.Previous, chain), "event %d of %s does not follow", e.Header.Seq, stream)
			} else {
				must(e.Header.Stream > stream, "streams are not in order")
				must(e.Header.Seq == 1 || head.From > 0, "the beginning of %s is missing", e.Header.Stream)
				elsewhere = other && e.Header.Seq == 1
			}
			if other && !elsewhere {
				foreign++
			}
			stream, seq = e.Header.Stream, e.Header.Seq
			must(seq != 1 || bytes.Equal(e.Previous, make([]byte, 32)), "something precedes the first event of %s", stream)
			chain = link(e.Previous, e.Header, e.Envelope)
			entry := sum(fields("stewrd/log-leaf/v1", e.Header.Account, stream, seq, chain))
			err := tlog.CheckRecord(hashes(e.Proof), tree.N, tree.Hash, e.Index, tlog.RecordHash(entry))
			must(err == nil, "event %d of %s is not in the log", seq, stream)
			if d := e.Disclosed; d != nil {
				same := bytes.Equal(sum([]byte{3}, d.Salt, []byte(d.Payload)), e.Header.Commitment)
				must(same && len(d.Salt) == 32, "the payload of event %d of %s is not what was sealed", seq, stream)
				disclosed++
			}
			events++
		}
		digest.Write(line)
	}
}

// link is h(n) of docs/formats/chain.md.
func link(previous []byte, h header, envelope []byte) []byte {
	header := fields("stewrd/event/v1", h.Account, h.Project, h.Stream, h.Seq, h.ID, h.Type, h.Version, h.Dek, h.At, h.Actor,
		h.Commitment, h.Command, h.N, h.MAC)
	return sum([]byte{2}, previous, sum(header), sum(envelope))
}

func fields(values ...any) []byte {
	var out []byte
	for _, value := range values {
		var field []byte
		switch v := value.(type) {
		case string:
			field = []byte(v)
		case uint64:
			field = binary.BigEndian.AppendUint64(nil, v)
		case []byte:
			field = v
		}
		out = binary.BigEndian.AppendUint32(out, uint32(len(field)))
		out = append(out, field...)
	}
	return out
}

func sum(parts ...[]byte) []byte {
	h := sha256.Sum256(bytes.Join(parts, nil))
	return h[:]
}

func hashes(proof [][]byte) []tlog.Hash {
	var all []tlog.Hash
	for _, hash := range proof {
		must(len(hash) == 32, "a hash has not 32 bytes")
		all = append(all, tlog.Hash(*(*[32]byte)(hash)))
	}
	return all
}

func open(signed string, verifier note.Verifier) string {
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	check(err)
	return opened.Text
}

func parseTree(text, origin string) tlog.Tree {
	lines := strings.Split(text, "\n")
	must(lines[0] == origin, "the checkpoint is of another log")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

func must(ok bool, format string, args ...any) {
	if !ok {
		log.Fatalf("refused: "+format, args...)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal("refused: ", err)
	}
}
