// SPDX-License-Identifier: BSD-2-Clause
// What a region was mapped from, as those see it who keep it open: memory management holds a
// reference and does nothing else with it. Open files (vfs) are the only ones that derive from it.
#pragma once

#include <drupe/base/ref_ptr.h>

namespace drupe::mm {

class MappedFile : public RefCounted<MappedFile> {
public:
    virtual ~MappedFile() = default;
    /// The last reference went. Thread context, no lock held; may sleep.
    static void destroy(MappedFile* file) { file->destroy_self(); }

    /// A region that counts (Region::is_counted) came into being, or is gone. `attach` runs with
    /// the space's lock held and may only use atomics; `detach` may sleep.
    virtual void attach() {}
    virtual void detach() {}
    /// A program wrote through a mapping that tells of it (MapRequest::tells_writes). With the page
    /// table's lock held: only times may be noted.
    virtual void written() {}

private:
    virtual void destroy_self() = 0;
};

} // namespace drupe::mm
