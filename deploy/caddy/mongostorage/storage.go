// Package mongostorage keeps certificates, keys and ACME accounts in MongoDB, so that Caddy's container holds
// nothing and several of them can stand side by side. In a Caddyfile's global options:
//
//	storage mongodb {
//		uri {env.CADDY_MONGODB_URI}
//		database caddy
//		collection certificates
//	}
//
// Values are stored as they are: whoever may read the collection has the private keys of the certificates. Give
// Caddy a database user of its own, which may use this database and nothing else.
package mongostorage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.uber.org/zap"
)

// operationTimeout bounds one command, its retries included.
const operationTimeout = 10 * time.Second

// clients are shared by configurations: a reload must not cut off what the former one still has under way.
var clients = caddy.NewUsagePool()

func init() {
	caddy.RegisterModule(new(Storage))
}

// Storage is a certmagic.Storage in one MongoDB collection, and a second one with "_locks" behind its name.
type Storage struct {
	// URI is the connection string. Placeholders are replaced when Caddy starts, so that
	// {env.CADDY_MONGODB_URI} keeps the password out of the configuration.
	URI string `json:"uri,omitempty"`
	// Database is its name; "caddy" where it is empty.
	Database string `json:"database,omitempty"`
	// Collection is its name; "certificates" where it is empty.
	Collection string `json:"collection,omitempty"`

	files  *mongo.Collection
	locks  *locker
	pooled string
}

// CaddyModule says how the module is called.
func (*Storage) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.storage.mongodb", New: func() caddy.Module { return new(Storage) }}
}

// UnmarshalCaddyfile reads the block.
func (s *Storage) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		fields := map[string]*string{"uri": &s.URI, "database": &s.Database, "collection": &s.Collection}
		field, known := fields[d.Val()]
		if !known {
			return d.Errf("unrecognized option '%s'", d.Val())
		}
		if !d.AllArgs(field) {
			return d.ArgErr()
		}
	}
	return nil
}

// Provision connects. That the server answers is checked here, so that a wrong address or password is told at
// the start and not by the first handshake.
func (s *Storage) Provision(ctx caddy.Context) error {
	replacer := caddy.NewReplacer()
	text := func(value, otherwise string) string {
		if value = replacer.ReplaceAll(value, ""); value == "" {
			return otherwise
		}
		return value
	}
	uri := text(s.URI, "")
	if uri == "" {
		return errors.New("storage mongodb: uri is empty")
	}
	database, collection := text(s.Database, "caddy"), text(s.Collection, "certificates")
	pooled, _, err := clients.LoadOrNew(uri, func() (caddy.Destructor, error) { return connect(uri) })
	if err != nil {
		return fmt.Errorf("storage mongodb: %w", err)
	}
	s.pooled = uri
	client := pooled.(*sharedClient)
	s.use(client.Database(database), collection, ctx.Logger())
	return s.locks.prepare(ctx)
}

func (s *Storage) use(database *mongo.Database, collection string, logger *zap.Logger) {
	s.files = database.Collection(collection)
	s.locks = newLocker(database.Collection(collection+"_locks"), logger)
}

// Cleanup lets go of the connection.
func (s *Storage) Cleanup() error {
	if s.pooled == "" {
		return nil
	}
	_, err := clients.Delete(s.pooled)
	return err
}

// CertMagicStorage is the storage itself.
func (s *Storage) CertMagicStorage() (certmagic.Storage, error) {
	return s, nil
}

// sharedClient is a connection that disconnects when nobody uses it any more.
type sharedClient struct{ *mongo.Client }

func connect(uri string) (*sharedClient, error) {
	settings := options.Client().ApplyURI(uri).
		SetAppName("caddy").
		SetMaxPoolSize(16).
		SetTimeout(operationTimeout).
		SetReadConcern(readconcern.Majority()).
		SetWriteConcern(writeconcern.Majority())
	client, err := mongo.Connect(settings)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	if err := client.Ping(ctx, nil); err != nil {
		_ = client.Disconnect(ctx)
		return nil, err
	}
	return &sharedClient{client}, nil
}

// Destruct disconnects.
func (c *sharedClient) Destruct() error {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	return c.Disconnect(ctx)
}

// file is one document.
type file struct {
	Key      string    `bson:"_id"`
	Value    []byte    `bson:"value,omitempty"`
	Size     int64     `bson:"size"`
	Modified time.Time `bson:"modified"`
}

// Store puts a value at a key.
func (s *Storage) Store(ctx context.Context, key string, value []byte) error {
	document := file{Key: key, Value: value, Size: int64(len(value)), Modified: time.Now()}
	_, err := s.files.ReplaceOne(ctx, bson.D{{Key: "_id", Value: key}}, document, options.Replace().SetUpsert(true))
	return err
}

// Load answers the value at a key; fs.ErrNotExist where there is none.
func (s *Storage) Load(ctx context.Context, key string) ([]byte, error) {
	found, err := s.find(ctx, key, nil)
	return found.Value, err
}

// Stat describes a key. A key under which others lie is a folder.
func (s *Storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	found, err := s.find(ctx, key, bson.D{{Key: "value", Value: 0}})
	if errors.Is(err, fs.ErrNotExist) && s.isFolder(ctx, key) {
		return certmagic.KeyInfo{Key: key}, nil
	}
	if err != nil {
		return certmagic.KeyInfo{}, err
	}
	return certmagic.KeyInfo{Key: key, Modified: found.Modified, Size: found.Size, IsTerminal: true}, nil
}

// Exists says whether there is a key, or a folder of that name.
func (s *Storage) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil
}

// Delete takes a key out, and everything under it.
func (s *Storage) Delete(ctx context.Context, key string) error {
	itself := bson.D{{Key: "_id", Value: key}}
	_, err := s.files.DeleteMany(ctx, bson.D{{Key: "$or", Value: bson.A{itself, under(key)}}})
	return err
}

// List answers the keys in a folder: all below it, or its own entries alone, folders among them.
func (s *Storage) List(ctx context.Context, folder string, recursive bool) ([]string, error) {
	only := options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}).SetSort(bson.D{{Key: "_id", Value: 1}})
	cursor, err := s.files.Find(ctx, under(folder), only)
	if err != nil {
		return nil, err
	}
	var found []file
	if err := cursor.All(ctx, &found); err != nil {
		return nil, err
	}
	start := len(prefix(folder))
	keys := make([]string, 0, len(found))
	for _, one := range found {
		key := one.Key
		if end := strings.IndexByte(key[start:], '/'); end >= 0 && !recursive {
			key = key[:start+end]
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// Lock waits until the name is ours.
func (s *Storage) Lock(ctx context.Context, name string) error { return s.locks.lock(ctx, name) }

// TryLock takes the name if nobody has it.
func (s *Storage) TryLock(ctx context.Context, name string) (bool, error) {
	return s.locks.tryLock(ctx, name)
}

// Unlock gives the name back.
func (s *Storage) Unlock(ctx context.Context, name string) error { return s.locks.unlock(ctx, name) }

func (s *Storage) find(ctx context.Context, key string, projection bson.D) (file, error) {
	var found file
	chosen := options.FindOne()
	if projection != nil {
		chosen.SetProjection(projection)
	}
	err := s.files.FindOne(ctx, bson.D{{Key: "_id", Value: key}}, chosen).Decode(&found)
	if errors.Is(err, mongo.ErrNoDocuments) {
		err = fs.ErrNotExist
	}
	return found, err
}

func (s *Storage) isFolder(ctx context.Context, key string) bool {
	return s.files.FindOne(ctx, under(key)).Err() == nil
}

// prefix is what every key in a folder begins with.
func prefix(folder string) string {
	if folder = strings.TrimSuffix(folder, "/"); folder == "" {
		return ""
	}
	return folder + "/"
}

// under finds all keys in a folder. A regular expression that begins with ^ and plain text uses the index.
func under(folder string) bson.D {
	pattern := bson.Regex{Pattern: "^" + regexp.QuoteMeta(prefix(folder))}
	return bson.D{{Key: "_id", Value: pattern}}
}

var (
	_ caddy.Provisioner      = (*Storage)(nil)
	_ caddy.CleanerUpper     = (*Storage)(nil)
	_ caddy.StorageConverter = (*Storage)(nil)
	_ caddyfile.Unmarshaler  = (*Storage)(nil)
	_ certmagic.Storage      = (*Storage)(nil)
	_ certmagic.TryLocker    = (*Storage)(nil)
)
