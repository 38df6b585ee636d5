from .view_info import ViewInfo

__all__ = ['ViewInfo']
