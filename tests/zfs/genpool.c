// SPDX-License-Identifier: BSD-2-Clause
/* Makes pools with OpenZFS's own code (libzpool, no kernel module), for tests of our reader. */
#include <sys/zfs_context.h>
#include <sys/spa.h>
#include <sys/spa_impl.h>
#include <sys/dmu.h>
#include <sys/dmu_objset.h>
#include <sys/dmu_tx.h>
#include <sys/dsl_prop.h>
#include <sys/dsl_dataset.h>
#include <sys/dsl_pool.h>
#include <sys/zap.h>
#include <sys/sa.h>
#include <sys/zfs_acl.h>
#include <sys/zfs_sa.h>
#include <sys/zfs_znode.h>
#include <sys/zfeature.h>
#include <sys/fs/zfs.h>
#include <libnvpair.h>
#include <sys/stat.h>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
extern char *spa_config_path;
extern unsigned long metaslab_force_ganging;
static sa_attr_type_t *tab;
static uint64_t rec = 131072;
static uint64_t nfiles, nbytes;
static char *iobuf;

static void mkfsobjs(objset_t *os, dmu_tx_t *tx)
{
	uint64_t v = 5, z = 0, sa, dq;
	VERIFY0(zap_create_claim(os, MASTER_NODE_OBJ, DMU_OT_MASTER_NODE, DMU_OT_NONE, 0, tx));
	VERIFY0(zap_update(os, MASTER_NODE_OBJ, ZPL_VERSION_STR, 8, 1, &v, tx));
	VERIFY0(zap_update(os, MASTER_NODE_OBJ, "normalization", 8, 1, &z, tx));
	VERIFY0(zap_update(os, MASTER_NODE_OBJ, "utf8only", 8, 1, &z, tx));
	VERIFY0(zap_update(os, MASTER_NODE_OBJ, "casesensitivity", 8, 1, &z, tx));
	sa = zap_create(os, DMU_OT_SA_MASTER_NODE, DMU_OT_NONE, 0, tx);
	VERIFY0(zap_add(os, MASTER_NODE_OBJ, ZFS_SA_ATTRS, 8, 1, &sa, tx));
	dq = zap_create(os, DMU_OT_UNLINKED_SET, DMU_OT_NONE, 0, tx);
	VERIFY0(zap_add(os, MASTER_NODE_OBJ, ZFS_UNLINKED_SET, 8, 1, &dq, tx));
}
static void ccb(objset_t *os, void *a, cred_t *cr, dmu_tx_t *tx) { mkfsobjs(os, tx); }

static void setsa(objset_t *os, uint64_t obj, const struct stat *st, uint64_t parent,
    uint64_t size, uint64_t links, const char *sym, dmu_tx_t *tx)
{
	sa_handle_t *h; sa_bulk_attr_t b[16]; int n = 0;
	uint64_t mode = st->st_mode, gen = tx->tx_txg, uid = st->st_uid, gid = st->st_gid, fl = 0x40800000000ULL | 0x4;
	uint64_t at[2] = {st->st_mtim.tv_sec, st->st_mtim.tv_nsec};
	VERIFY0(sa_handle_get(os, obj, NULL, SA_HDL_PRIVATE, &h));
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_MODE], NULL, &mode, 8);
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_SIZE], NULL, &size, 8);
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_GEN], NULL, &gen, 8);
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_UID], NULL, &uid, 8);
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_GID], NULL, &gid, 8);
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_PARENT], NULL, &parent, 8);
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_FLAGS], NULL, &fl, 8);
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_ATIME], NULL, at, 16);
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_MTIME], NULL, at, 16);
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_CTIME], NULL, at, 16);
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_CRTIME], NULL, at, 16);
	SA_ADD_BULK_ATTR(b, n, tab[ZPL_LINKS], NULL, &links, 8);
	if (sym) SA_ADD_BULK_ATTR(b, n, tab[ZPL_SYMLINK], NULL, (void *)sym, strlen(sym));
	VERIFY0(sa_replace_all_by_template(h, b, n, tx));
	sa_handle_destroy(h);
}
static uint64_t mkdirobj(objset_t *os, dmu_tx_t *tx)
{ return zap_create(os, DMU_OT_DIRECTORY_CONTENTS, DMU_OT_SA, DN_OLD_MAX_BONUSLEN, tx); }

struct hl { ino_t ino; dev_t dev; uint64_t obj; struct hl *n; }; static struct hl *hls[65536];

static void populate(objset_t *os, const char *path, uint64_t dobj, uint64_t parent, const struct stat *dst)
{
	DIR *d = opendir(path); struct dirent *e; uint64_t ents = 2, subd = 2;
	if (!d) return;
	while ((e = readdir(d))) {
		char p[4096]; struct stat st; uint64_t obj, val, type;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
		snprintf(p, sizeof p, "%s/%s", path, e->d_name);
		if (lstat(p, &st)) continue;
		if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode)) continue;
		int fd = -1;
		if (S_ISREG(st.st_mode) && (fd = open(p, O_RDONLY)) < 0) continue;
		dmu_tx_t *tx = dmu_tx_create(os);
		dmu_tx_hold_sa_create(tx, 4096);
		dmu_tx_hold_zap(tx, dobj, B_TRUE, e->d_name);
		dmu_tx_hold_zap(tx, DMU_NEW_OBJECT, B_FALSE, NULL);
		if (S_ISREG(st.st_mode) && st.st_size) dmu_tx_hold_write(tx, DMU_NEW_OBJECT, 0, MIN(st.st_size, 1 << 20));
		VERIFY0(dmu_tx_assign(tx, TXG_WAIT));
		type = S_ISREG(st.st_mode) ? 8 : S_ISDIR(st.st_mode) ? 4 : 10;
		uint64_t size = st.st_size, done = 0; struct hl *h = NULL;
		if (S_ISDIR(st.st_mode)) { obj = mkdirobj(os, tx); subd++; setsa(os, obj, &st, dobj, 2, 2, NULL, tx); }
		else if (S_ISLNK(st.st_mode)) {
			char t[4096]; ssize_t l = readlink(p, t, 4095); t[l] = 0;
			obj = dmu_object_alloc(os, DMU_OT_PLAIN_FILE_CONTENTS, 0, DMU_OT_SA, DN_OLD_MAX_BONUSLEN, tx);
			setsa(os, obj, &st, dobj, l, 1, t, tx);
		} else {
			if (st.st_nlink > 1) for (h = hls[st.st_ino & 65535]; h; h = h->n) if (h->ino == st.st_ino && h->dev == st.st_dev) break;
			if (h) obj = h->obj; else {
			uint64_t bs = size > rec ? rec : P2ROUNDUP(MAX(size, 1), 512);
			obj = dmu_object_alloc(os, DMU_OT_PLAIN_FILE_CONTENTS, bs, DMU_OT_SA, DN_OLD_MAX_BONUSLEN, tx);
			setsa(os, obj, &st, dobj, size, st.st_nlink, NULL, tx);
			if (st.st_nlink > 1) { h = malloc(sizeof *h); h->ino = st.st_ino; h->dev = st.st_dev; h->obj = obj; h->n = hls[st.st_ino & 65535]; hls[st.st_ino & 65535] = h; h = NULL; }
			ssize_t r = size ? read(fd, iobuf, MIN(size, 1 << 20)) : 0;
			if (r > 0) { dmu_write(os, obj, 0, r, iobuf, tx); done = r; }
			nfiles++; nbytes += size; }
		}
		val = (type << 60) | obj;
		VERIFY0(zap_add(os, dobj, e->d_name, 8, 1, &val, tx)); ents++;
		dmu_tx_commit(tx);
		if (fd >= 0 && !h) while (done < size) {
			ssize_t r = read(fd, iobuf, MIN(size - done, 1 << 20)); if (r <= 0) break;
			tx = dmu_tx_create(os); dmu_tx_hold_write(tx, obj, done, r); VERIFY0(dmu_tx_assign(tx, TXG_WAIT));
			dmu_write(os, obj, done, r, iobuf, tx); dmu_tx_commit(tx); done += r;
		}
		if (fd >= 0) close(fd);
		if (S_ISDIR(st.st_mode)) populate(os, p, obj, dobj, &st);
	}
	closedir(d);
	sa_handle_t *h; dmu_tx_t *tx = dmu_tx_create(os);
	VERIFY0(sa_handle_get(os, dobj, NULL, SA_HDL_PRIVATE, &h));
	dmu_tx_hold_sa(tx, h, B_FALSE); VERIFY0(dmu_tx_assign(tx, TXG_WAIT));
	VERIFY0(sa_update(h, tab[ZPL_SIZE], &ents, 8, tx)); VERIFY0(sa_update(h, tab[ZPL_LINKS], &subd, 8, tx));
	dmu_tx_commit(tx); sa_handle_destroy(h);
}
static void fill(const char *ds, const char *src)
{
	objset_t *os; uint64_t sa, root; struct stat st;
	VERIFY0(dmu_objset_own(ds, DMU_OST_ZFS, B_FALSE, B_TRUE, FTAG, &os));
	if (zap_lookup(os, MASTER_NODE_OBJ, ZFS_SA_ATTRS, 8, 1, &sa) != 0) {
		dmu_tx_t *tx = dmu_tx_create(os); dmu_tx_hold_zap(tx, DMU_NEW_OBJECT, B_TRUE, NULL); dmu_tx_hold_bonus(tx, DMU_NEW_OBJECT);
		VERIFY0(dmu_tx_assign(tx, TXG_WAIT)); mkfsobjs(os, tx); dmu_tx_commit(tx);
	}
	VERIFY0(zap_lookup(os, MASTER_NODE_OBJ, ZFS_SA_ATTRS, 8, 1, &sa));
	VERIFY0(sa_setup(os, sa, zfs_attr_table, ZPL_END, &tab));
	if (src) VERIFY0(stat(src, &st)); else { memset(&st, 0, sizeof st); st.st_mode = S_IFDIR | 0755; }
	dmu_tx_t *tx = dmu_tx_create(os);
	dmu_tx_hold_zap(tx, MASTER_NODE_OBJ, B_TRUE, ZFS_ROOT_OBJ); dmu_tx_hold_sa_create(tx, 4096); dmu_tx_hold_zap(tx, DMU_NEW_OBJECT, B_FALSE, NULL);
	dmu_tx_hold_zap(tx, sa, B_TRUE, "REGISTRY");
	VERIFY0(dmu_tx_assign(tx, TXG_WAIT));
	root = mkdirobj(os, tx); setsa(os, root, &st, root, 2, 2, NULL, tx);
	VERIFY0(zap_add(os, MASTER_NODE_OBJ, ZFS_ROOT_OBJ, 8, 1, &root, tx)); dmu_tx_commit(tx);
	if (src) populate(os, src, root, root, &st);
	txg_wait_synced(dmu_objset_pool(os), 0);
	dmu_objset_disown(os, B_TRUE, FTAG);
}
int main(int c, char **v)
{
	if (c < 6) { fprintf(stderr, "gen POOL IMG SIZE_MB SRC off|lz4|zstd|gzip [ashift] [features:all|none] [cksum]\n"); return 2; }
	const char *pool = v[1], *img = v[2], *src = v[4]; uint64_t ash = c > 6 ? atoi(v[6]) : 12; int all = c <= 7 || !strcmp(v[7], "all");
	char real[4096]; int fd = open(img, O_RDWR | O_CREAT | O_TRUNC, 0644); VERIFY0(ftruncate(fd, atoll(v[3]) << 20)); close(fd); realpath(img, real);
	/* Of blocks of at least this size three in a hundred are made of pieces. */
	if (getenv("GANGS_FROM")) metaslab_force_ganging = atol(getenv("GANGS_FROM"));
	spa_config_path = "zpool.cache"; iobuf = malloc(1 << 20);
	kernel_init(SPA_MODE_READ | SPA_MODE_WRITE);
	nvlist_t *f = fnvlist_alloc(), *r = fnvlist_alloc(), *p = fnvlist_alloc(), *fp = fnvlist_alloc();
	fnvlist_add_string(f, ZPOOL_CONFIG_TYPE, VDEV_TYPE_FILE); fnvlist_add_string(f, ZPOOL_CONFIG_PATH, real); fnvlist_add_uint64(f, ZPOOL_CONFIG_ASHIFT, ash);
	fnvlist_add_string(r, ZPOOL_CONFIG_TYPE, VDEV_TYPE_ROOT); fnvlist_add_nvlist_array(r, ZPOOL_CONFIG_CHILDREN, &f, 1);
	if (all) for (int i = 0; i < SPA_FEATURES; i++) { if (!spa_feature_table[i].fi_zfs_mod_supported) continue; char n[128]; snprintf(n, sizeof n, "feature@%s", spa_feature_table[i].fi_uname); fnvlist_add_uint64(p, n, 0); }
	VERIFY0(spa_create(pool, r, p, NULL, NULL));
	spa_t *spa; VERIFY0(spa_open(pool, &spa, FTAG));
	char ds[256]; snprintf(ds, sizeof ds, "%s/data", pool);
	nvlist_t *pr = fnvlist_alloc();
	uint64_t comp = !strcmp(v[5], "lz4") ? ZIO_COMPRESS_LZ4 : !strcmp(v[5], "zstd") ? ZIO_COMPRESS_ZSTD : !strcmp(v[5], "gzip") ? ZIO_COMPRESS_GZIP_6 : ZIO_COMPRESS_OFF;
	fnvlist_add_uint64(pr, "compression", comp);
	if (c > 8) { fnvlist_add_uint64(pr, "checksum", !strcmp(v[8], "sha256") ? ZIO_CHECKSUM_SHA256 : !strcmp(v[8], "sha512") ? ZIO_CHECKSUM_SHA512 : !strcmp(v[8], "skein") ? ZIO_CHECKSUM_SKEIN : ZIO_CHECKSUM_FLETCHER_4); }
	VERIFY0(dsl_props_set(pool, ZPROP_SRC_LOCAL, pr));
	fill(pool, NULL);
	VERIFY0(dmu_objset_create(ds, DMU_OST_ZFS, 0, NULL, ccb, NULL));
	nvlist_t *mp = fnvlist_alloc(); fnvlist_add_string(mp, "mountpoint", "/"); VERIFY0(dsl_props_set(ds, ZPROP_SRC_LOCAL, mp));
	fill(ds, src);
	VERIFY0(dmu_objset_snapshot_one(ds, "s1"));
	txg_wait_synced(spa_get_dsl(spa), 0);
	spa_close(spa, FTAG);
	VERIFY0(spa_export(pool, NULL, B_TRUE, B_FALSE));
	kernel_fini();
	printf("files %llu bytes %llu\n", (u_longlong_t)nfiles, (u_longlong_t)nbytes);
	return 0;
}
