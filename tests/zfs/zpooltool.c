// SPDX-License-Identifier: BSD-2-Clause
/* A judge of images over Debian's libzpool (user space, no kernel module).
 *   zpooltool cache IMG OUT          write a zpool.cache for zdb -U
 *   zpooltool list  IMG              manifest of every file of every dataset (all blocks of every file are read, checksums verified)
 *   zpooltool rw    IMG              import read-write, create+rewrite+free an object and take a snapshot, export
 */
#include <sys/zfs_context.h>
#include <sys/spa.h>
#include <sys/spa_impl.h>
#include <sys/dmu.h>
#include <sys/dmu_objset.h>
#include <sys/dmu_tx.h>
#include <sys/dsl_dataset.h>
#include <sys/dsl_pool.h>
#include <sys/zap.h>
#include <sys/sa.h>
#include <sys/zfs_acl.h>
#include <sys/zfs_sa.h>
#include <sys/zfs_znode.h>
#include <sys/fs/zfs.h>
#include <libnvpair.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>
#ifndef S_ISREG
#define S_ISREG(m) (((m) & 0170000) == 0100000)
#define S_ISDIR(m) (((m) & 0170000) == 0040000)
#define S_ISLNK(m) (((m) & 0170000) == 0120000)
#endif
extern char *spa_config_path;
extern int zfs_prefetch_disable; extern int spa_load_verify_data;
static char buf[1 << 20]; static sa_attr_type_t *tab; static int errs; static uint64_t nf, nb;

static nvlist_t *find(const char *img, char **name)
{
	/* label config of the image itself: no directory scan, so that other images beside it do not matter */
	int fd = open(img, O_RDONLY), n = 0; nvlist_t *l = NULL; static char nb[114688]; off_t sz = lseek(fd, 0, SEEK_END) & ~262143LL;
	for (int i = 0; i < 4; i++) {
		nvlist_t *x = NULL;
		if (pread(fd, nb, sizeof nb, (i < 2 ? i * 262144LL : sz - (4 - i) * 262144LL) + 16384) == sizeof nb && !nvlist_unpack(nb, sizeof nb, &x, 0)) { n++; if (!l) l = x; }
	}
	if (!l) { fprintf(stderr, "%s: no readable label\n", img); exit(1); }
	close(fd);
	if (n != 4) { fprintf(stderr, "%s: only %d of 4 labels are valid and equal\n", img, n); exit(1); }
	nvlist_t *vt = fnvlist_lookup_nvlist(l, ZPOOL_CONFIG_VDEV_TREE), *cfg = fnvlist_alloc(), *root = fnvlist_alloc();
	char real[4096]; if (!realpath(img, real)) exit(1);
	fnvlist_add_string(vt, ZPOOL_CONFIG_TYPE, VDEV_TYPE_FILE); fnvlist_add_string(vt, ZPOOL_CONFIG_PATH, real);
	uint64_t pg = fnvlist_lookup_uint64(l, ZPOOL_CONFIG_POOL_GUID);
	*name = fnvlist_lookup_string(l, ZPOOL_CONFIG_POOL_NAME);
	fnvlist_add_string(root, ZPOOL_CONFIG_TYPE, VDEV_TYPE_ROOT); fnvlist_add_uint64(root, ZPOOL_CONFIG_ID, 0);
	fnvlist_add_uint64(root, ZPOOL_CONFIG_GUID, pg); fnvlist_add_nvlist_array(root, ZPOOL_CONFIG_CHILDREN, &vt, 1);
	fnvlist_add_uint64(cfg, ZPOOL_CONFIG_VERSION, fnvlist_lookup_uint64(l, ZPOOL_CONFIG_VERSION));
	fnvlist_add_string(cfg, ZPOOL_CONFIG_POOL_NAME, *name); fnvlist_add_uint64(cfg, ZPOOL_CONFIG_POOL_GUID, pg);
	fnvlist_add_uint64(cfg, ZPOOL_CONFIG_POOL_STATE, fnvlist_lookup_uint64(l, ZPOOL_CONFIG_POOL_STATE));
	fnvlist_add_uint64(cfg, ZPOOL_CONFIG_POOL_TXG, fnvlist_lookup_uint64(l, ZPOOL_CONFIG_POOL_TXG));
	fnvlist_add_uint64(cfg, ZPOOL_CONFIG_VDEV_CHILDREN, 1);
	fnvlist_add_nvlist(cfg, ZPOOL_CONFIG_VDEV_TREE, root);
	return (cfg);
}
static uint64_t sa64(sa_handle_t *h, int a) { uint64_t v = 0; if (sa_lookup(h, tab[a], &v, 8)) { v = 0; errs++; printf("!! attribute %d missing\n", a); } return v; }
static void walk(objset_t *os, uint64_t obj, uint64_t parent, const char *path)
{
	sa_handle_t *h; int e = sa_handle_get(os, obj, NULL, SA_HDL_PRIVATE, &h);
	if (e) { printf("!! %s: SA handle: %d\n", path, e); errs++; return; }
	uint64_t mode = sa64(h, ZPL_MODE), size = sa64(h, ZPL_SIZE), links = sa64(h, ZPL_LINKS), uid = sa64(h, ZPL_UID), gid = sa64(h, ZPL_GID), par = sa64(h, ZPL_PARENT), mt[2] = {0}, t[2];
	if (sa_lookup(h, tab[ZPL_MTIME], mt, 16)) errs++;
	int tm[] = {ZPL_ATIME, ZPL_CTIME, ZPL_CRTIME}; for (int i = 0; i < 3; i++) if (sa_lookup(h, tab[tm[i]], t, 16)) { errs++; printf("!! %s: time attr\n", path); }
	char extra[1100] = "-"; unsigned char md[32]; unsigned ml;
	dmu_object_info_t doi; dmu_object_info(os, obj, &doi);
	if (S_ISLNK(mode)) { int l = 0; memset(extra, 0, sizeof extra); if (sa_size(h, tab[ZPL_SYMLINK], &l) || l > 1024 || sa_lookup(h, tab[ZPL_SYMLINK], extra, l)) { errs++; strcpy(extra, "!!"); } }
	if (S_ISREG(mode)) {
		if (links < 2 && par != parent) { printf("!! %s: parent %llu != %llu\n", path, (u_longlong_t)par, (u_longlong_t)parent); errs++; }
		EVP_MD_CTX *c = EVP_MD_CTX_new(); EVP_DigestInit_ex(c, EVP_sha256(), NULL);
		for (uint64_t o = 0; o < size; o += sizeof buf) { uint64_t n = MIN(sizeof buf, size - o);
			if ((e = dmu_read(os, obj, o, n, buf, DMU_READ_NO_PREFETCH))) { printf("!! %s: read error %d at %llu\n", path, e, (u_longlong_t)o); errs++; break; }
			EVP_DigestUpdate(c, buf, n); }
		EVP_DigestFinal_ex(c, md, &ml); EVP_MD_CTX_free(c);
		for (int i = 0; i < 32; i++) sprintf(extra + 2 * i, "%02x", md[i]);
		nf++; nb += size;
	}
	printf("%s %06llo %llu:%llu %llu n%llu %llu.%09llu bs%u %s\n", path, (u_longlong_t)mode, (u_longlong_t)uid, (u_longlong_t)gid, (u_longlong_t)size, (u_longlong_t)links, (u_longlong_t)mt[0], (u_longlong_t)mt[1], doi.doi_data_block_size, extra);
	sa_handle_destroy(h);
	if (!S_ISDIR(mode)) return;
	if (par != parent) { printf("!! %s: parent %llu != %llu\n", path, (u_longlong_t)par, (u_longlong_t)parent); errs++; }
	zap_cursor_t zc; zap_attribute_t za; uint64_t ents = 2, subd = 2, cnt = 0;
	for (zap_cursor_init(&zc, os, obj); (e = zap_cursor_retrieve(&zc, &za)) == 0; zap_cursor_advance(&zc)) {
		uint64_t v = za.za_first_integer, v2 = 0; char p[4096]; ents++;
		if (zap_lookup(os, obj, za.za_name, 8, 1, &v2) || v != v2) { printf("!! %s/%s: lookup differs from cursor\n", path, za.za_name); errs++; }
		if ((v >> 60) == 4) subd++;
		snprintf(p, sizeof p, "%s/%s", path, za.za_name); walk(os, v & ((1ULL << 48) - 1), obj, p);
	}
	zap_cursor_fini(&zc); if (e != ENOENT) { printf("!! %s: cursor %d\n", path, e); errs++; }
	if (zap_count(os, obj, &cnt) || cnt != ents - 2) { printf("!! %s: zap count %llu != %llu\n", path, (u_longlong_t)cnt, (u_longlong_t)ents - 2); errs++; }
	if (size != ents) { printf("!! %s: dir size %llu != %llu\n", path, (u_longlong_t)size, (u_longlong_t)ents); errs++; }
	if (links != subd) { printf("!! %s: dir links %llu != %llu\n", path, (u_longlong_t)links, (u_longlong_t)subd); errs++; }
}
static int onds(const char *name, void *rw)
{
	objset_t *os; uint64_t sa = 0, root = 0, ver = 0, dq = 0; int e;
	if ((e = dmu_objset_own(name, DMU_OST_ANY, rw == NULL, B_FALSE, FTAG, &os))) { printf("!! own %s: %d\n", name, e); errs++; return 0; }
	if (dmu_objset_type(os) != DMU_OST_ZFS) { dmu_objset_disown(os, B_FALSE, FTAG); return 0; }
	if ((e = zap_lookup(os, MASTER_NODE_OBJ, ZPL_VERSION_STR, 8, 1, &ver)) || ver != 5 || (e = zap_lookup(os, MASTER_NODE_OBJ, ZFS_SA_ATTRS, 8, 1, &sa)) ||
	    (e = zap_lookup(os, MASTER_NODE_OBJ, ZFS_ROOT_OBJ, 8, 1, &root)) || (e = zap_lookup(os, MASTER_NODE_OBJ, ZFS_UNLINKED_SET, 8, 1, &dq)) ||
	    (e = sa_setup(os, sa, zfs_attr_table, ZPL_END, &tab))) { printf("!! %s: master node: %d\n", name, e); errs++; }
	else if (!rw) { printf("# dataset %s root %llu\n", name, (u_longlong_t)root); walk(os, root, root, ""); }
	else {
		dmu_tx_t *tx = dmu_tx_create(os); dmu_tx_hold_sa_create(tx, 400); dmu_tx_hold_zap(tx, root, B_TRUE, "oracle.tmp"); dmu_tx_hold_write(tx, DMU_NEW_OBJECT, 0, sizeof buf);
		if ((e = dmu_tx_assign(tx, TXG_WAIT))) { printf("!! assign %d\n", e); errs++; dmu_tx_abort(tx); }
		else {
			uint64_t o = dmu_object_alloc(os, DMU_OT_PLAIN_FILE_CONTENTS, 131072, DMU_OT_SA, DN_OLD_MAX_BONUSLEN, tx), v = (8ULL << 60) | o;
			memset(buf, 0x5a, sizeof buf); dmu_write(os, o, 0, sizeof buf, buf, tx);
			if ((e = zap_add(os, root, "oracle.tmp", 8, 1, &v, tx))) { printf("!! zap_add %d\n", e); errs++; }
			dmu_tx_commit(tx); txg_wait_synced(dmu_objset_pool(os), 0);
			tx = dmu_tx_create(os); dmu_tx_hold_free(tx, o, 0, DMU_OBJECT_END); dmu_tx_hold_zap(tx, root, B_FALSE, "oracle.tmp");
			VERIFY0(dmu_tx_assign(tx, TXG_WAIT)); VERIFY0(zap_remove(os, root, "oracle.tmp", tx)); VERIFY0(dmu_object_free(os, o, tx)); dmu_tx_commit(tx);
			txg_wait_synced(dmu_objset_pool(os), 0);
		}
	}
	dmu_objset_disown(os, B_FALSE, FTAG); return 0;
}
int main(int c, char **v)
{
	char *name; spa_t *spa; if (c < 3) { fprintf(stderr, "zpooltool cache|list|rw IMG [OUT]\n"); return 2; }
	int rw = !strcmp(v[1], "rw"); nvlist_t *cfg = find(v[2], &name);
	if (!strcmp(v[1], "cache")) { nvlist_t *l = fnvlist_alloc(); char *b = NULL; size_t n = 0; fnvlist_add_nvlist(l, name, cfg);
		if (nvlist_pack(l, &b, &n, NV_ENCODE_XDR, 0)) return 1; FILE *f = fopen(v[3], "w"); fwrite(b, 1, n, f); fclose(f); puts(name); return 0; }
	spa_config_path = "/nonexistent/zpool.cache"; zfs_prefetch_disable = 1; spa_load_verify_data = B_TRUE;
	kernel_init(rw ? SPA_MODE_READ | SPA_MODE_WRITE : SPA_MODE_READ);
	int e = spa_import(name, cfg, NULL, rw ? ZFS_IMPORT_NORMAL : ZFS_IMPORT_NORMAL);
	if (e) { printf("!! spa_import: %d (%s)\n", e, strerror(e)); return 1; }
	VERIFY0(spa_open(name, &spa, FTAG));
	dmu_objset_find(name, onds, rw ? (void *)1 : NULL, DS_FIND_CHILDREN);
	if (rw) { char s[300]; snprintf(s, sizeof s, "%s@oracle", name); e = dmu_objset_snapshot_one(name, "oracle"); if (e) { printf("!! snapshot %d\n", e); errs++; } }
	if (spa_get_errlog_size(spa)) { printf("!! %llu errors logged\n", (u_longlong_t)spa_get_errlog_size(spa)); errs++; }
	spa_close(spa, FTAG);
	if (rw) { e = spa_export(name, NULL, B_TRUE, B_FALSE); if (e) { printf("!! export %d\n", e); errs++; } }
	kernel_fini();
	fprintf(stderr, "zpooltool %s: %llu files, %llu bytes, %d errors\n", v[1], (u_longlong_t)nf, (u_longlong_t)nb, errs);
	return errs != 0;
}
